// Batches brought to a GPU ahead are those that the CPU gets.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <thread>

#include "caffe/common.hpp"
#include "caffe_ext/common/device.hpp"
#include "tests/data/layer_fixture.hpp"

namespace two_stream {
namespace {

using caffe::Caffe;
using testing::LayerUnderTest;
using testing::Seeded;
using testing::TempFolder;

class BatchUploadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasDevices()) GTEST_SKIP() << "no GPU";
    std::string list;
    for (int i = 0; i < 5; ++i) {
      const std::string name = "v" + std::to_string(i);
      testing::WriteFlowVideo(folder_ / name, 8, 12, 14, i);
      list += name + " 8 " + std::to_string(i) + "\n";
    }
    testing::WriteFile(folder_ / "list.txt", list);
  }
  void TearDown() override { Caffe::set_mode(Caffe::CPU); }

  LayerUnderTest<float> Layer() const {
    return {"source: '" + (folder_ / "list.txt") +
                "' batch_size: 3 new_length: 2 new_height: 12 new_width: 14 "
                "shuffle: true prefetch: 1",
            "crop_size: 10 mirror: true", caffe::TRAIN, Seeded(4)};
  }

  TempFolder folder_;
};

TEST_F(BatchUploadTest, GivesTheBatchesOfTheCpu) {
  LayerUnderTest<float> on_cpu = Layer(), on_gpu = Layer();
  std::mt19937 random(8);
  for (int batch = 0; batch < 60; ++batch) {
    SCOPED_TRACE(batch);
    // Now and then the next batch is ready before it is asked for, the cursor
    // is set, or a pass runs on the CPU.
    if (random() % 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (random() % 9 == 0) {
      on_cpu.layer().set_data_cursor(batch);
      on_gpu.layer().set_data_cursor(batch);
    }
    Caffe::set_mode(Caffe::CPU);
    const auto expected = on_cpu.Forward();
    Caffe::set_mode(random() % 9 ? Caffe::GPU : Caffe::CPU);
    ASSERT_TRUE(on_gpu.Forward() == expected);
  }
}

}  // namespace
}  // namespace two_stream
