// Times all-reduces of several lengths, as lines "bytes seconds" (the median of
// several, on rank 0).
//   allreduce_probe RANKS            threads
//   mpirun -np N allreduce_probe     processes
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "caffe_ext/parallel/process_world.hpp"
#include "caffe_ext/parallel/thread_communicator.hpp"

namespace {

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

void Probe(two_stream::Communicator* communicator) {
  for (size_t bytes = 1 << 10; bytes <= 64 << 20; bytes *= 4) {
    std::vector<float> data(bytes / sizeof(float), 1.f);
    std::vector<double> seconds;
    for (int i = 0; i < 9; ++i) {
      communicator->Barrier();
      const auto start = std::chrono::steady_clock::now();
      communicator->AllReduce(data.data(), data.size(),
                              two_stream::Reduction::kMean);
      seconds.push_back(std::chrono::duration<double>(
                            std::chrono::steady_clock::now() - start)
                            .count());
    }
    if (communicator->rank() == 0) {
      std::printf("%zu %.9f\n", bytes, Median(seconds));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    const auto world = two_stream::JoinProcessWorld();
    if (!world) return 1;
    Probe(world->MakeCommunicator().get());
    return 0;
  }
  auto communicators = two_stream::MakeThreadCommunicators(std::atoi(argv[1]));
  std::vector<std::thread> threads;
  for (auto& communicator : communicators) {
    threads.emplace_back(Probe, communicator.get());
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}
