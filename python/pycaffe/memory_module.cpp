// caffe._memory: shared buffers for pycaffe. The hooks that call it are in
// shared_memory.py. The types Net, Solver and Blob are those of caffe._caffe.
#include <boost/python.hpp>
#include <string>

#include "caffe/caffe.hpp"
#include "caffe/util/upgrade_proto.hpp"
#include "caffe_ext/memory/optimize_memory.hpp"

namespace {

// Share of all buffers that the smallest activations may keep for themselves,
// so that features of the last layers can be read after a pass.
constexpr double kKeepShare = 0.005;

void OptimizeNet(caffe::Net<float>* net, const std::string& file) {
  caffe::NetParameter param;
  caffe::ReadNetParamsFromTextFileOrDie(file, &param);
  two_stream::MemoryOptions options =
      two_stream::MemoryOptionsOf(param, net->phase());
  options.keep_share = kKeepShare;
  two_stream::OptimizeMemory(net, options);
}

void OptimizeSolver(caffe::Solver<float>* solver) {
  two_stream::OptimizeMemory(solver, kKeepShare);
}

void Claim(const caffe::Blob<float>& blob, bool diff) {
  two_stream::ClaimBlob(blob, diff);
}

void Keep(const caffe::Net<float>& net, const std::string& blob) {
  two_stream::KeepBlob(net, blob);
}

}  // namespace

BOOST_PYTHON_MODULE(_memory) {
  namespace py = boost::python;
  py::def("optimize_net", OptimizeNet);
  py::def("optimize_solver", OptimizeSolver);
  py::def("claim", Claim);
  py::def("keep", Keep);
}
