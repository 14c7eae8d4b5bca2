// Starts GoogleTest with Caffe in CPU mode and glog on standard error.
#include <glog/logging.h>
#include <gtest/gtest.h>

#include "caffe/common.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  FLAGS_logtostderr = true;
  FLAGS_minloglevel = google::GLOG_ERROR;
  google::InitGoogleLogging(argv[0]);
  caffe::Caffe::set_mode(caffe::Caffe::CPU);
  return RUN_ALL_TESTS();
}
