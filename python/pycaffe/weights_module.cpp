// caffe._weights: loading of weights for pycaffe. The hooks that call it are in
// trained_weights.py. The type Net is that of caffe._caffe.
#include <boost/python.hpp>
#include <string>

#include "caffe/caffe.hpp"
#include "caffe/util/hdf5.hpp"
#include "caffe_ext/common/weights.hpp"

namespace {

void CopyInto(caffe::Net<float>* net, const std::string& file) {
  if (H5Fis_hdf5(file.c_str()) > 0) {
    net->CopyTrainedLayersFrom(file);
  } else {
    two_stream::CopyWeights(file, net);
  }
}

}  // namespace

BOOST_PYTHON_MODULE(_weights) { boost::python::def("copy_into", CopyInto); }
