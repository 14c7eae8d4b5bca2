// Trains with stock Caffe, no part of ours: what benchmarks/parallel.py
// compares with.
//   stock_solve SOLVER.prototxt
#include <cstdio>

#include "caffe/caffe.hpp"
#include "caffe/util/upgrade_proto.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SOLVER.prototxt\n", argv[0]);
    return 1;
  }
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  caffe::SolverParameter param;
  caffe::ReadSolverParamsFromTextFileOrDie(argv[1], &param);
  boost::shared_ptr<caffe::Solver<float>> solver(
      caffe::SolverRegistry<float>::CreateSolver(param));
  solver->Solve();
  return 0;
}
