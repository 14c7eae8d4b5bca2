#ifndef TWO_STREAM_TESTS_PARALLEL_CONFORMANCE_HPP_
#define TWO_STREAM_TESTS_PARALLEL_CONFORMANCE_HPP_

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// What every transport must do, called on each rank of a group. The ranks draw
// each other's data from the seed and compare with plain sums in double.
class Conformance {
 public:
  Conformance(Communicator* communicator, unsigned seed)
      : comm_(*communicator), seed_(seed) {}

  template <typename T>
  void CheckAll(size_t count) {
    SCOPED_TRACE(std::string(comm_.transport()) + ", rank " +
                 std::to_string(comm_.rank()) + " of " +
                 std::to_string(comm_.size()) + ", " + std::to_string(count) +
                 (sizeof(T) == 4 ? " float" : " double"));
    CheckAllReduce<T>(count, Reduction::kSum);
    CheckAllReduce<T>(count, Reduction::kMean);
    CheckAllGather<T>(count);
    CheckReduceScatter<T>(count, Reduction::kSum);
    CheckReduceScatter<T>(count, Reduction::kMean);
    for (int root = 0; root < comm_.size(); ++root) {
      CheckBroadcast<T>(count, root);
    }
    comm_.Barrier();
  }

  void CheckStrings() {
    std::vector<std::string> expected;
    for (int r = 0; r < comm_.size(); ++r) {
      expected.push_back(std::string(r * 37 % 11, static_cast<char>(r)) + "x");
    }
    EXPECT_EQ(expected, comm_.AllGatherString(expected[comm_.rank()]));
    const int root = comm_.size() - 1;
    EXPECT_EQ(expected[root],
              comm_.BroadcastString(expected[comm_.rank()], root));
    EXPECT_EQ("", comm_.BroadcastString("", 0));
  }

 private:
  template <typename T>
  std::vector<T> Data(int rank, size_t count) const {
    std::minstd_rand generator(1 + seed_ * 1009 + rank);
    const double middle = (generator.max() + generator.min()) / 2.;
    std::vector<T> data(count);
    for (T& value : data) value = static_cast<T>(generator() / middle - 1);
    return data;
  }
  void NextSeed() { ++seed_; }

  // Compares with the sum over ranks of elements [begin, begin + count) of
  // their data of `total` elements.
  template <typename T>
  void ExpectSums(const std::vector<T>& result, size_t begin, size_t total,
                  Reduction reduction) const {
    std::vector<double> sums(result.size(), 0), magnitudes(result.size(), 0);
    for (int r = 0; r < comm_.size(); ++r) {
      const std::vector<T> data = Data<T>(r, total);
      for (size_t i = 0; i < sums.size(); ++i) {
        sums[i] += data[begin + i];
        magnitudes[i] += std::abs(data[begin + i]);
      }
    }
    const double scale = reduction == Reduction::kMean ? comm_.size() : 1;
    const double epsilon =
        (comm_.size() + 1) * std::numeric_limits<T>::epsilon();
    size_t wrong = 0;
    for (size_t i = 0; i < sums.size(); ++i) {
      const double error = std::abs(result[i] * scale - sums[i]);
      if (!(error <= epsilon * magnitudes[i])) ++wrong;
    }
    EXPECT_EQ(0u, wrong);
  }

  template <typename T>
  void CheckAllReduce(size_t count, Reduction reduction) {
    std::vector<T> data = Data<T>(comm_.rank(), count);
    comm_.AllReduce(data.data(), count, reduction);
    ExpectSums(data, 0, count, reduction);
    ExpectSameBits(data);
    NextSeed();
  }

  // On all ranks.
  template <typename T>
  void ExpectSameBits(const std::vector<T>& data) {
    std::vector<T> all(data.size() * comm_.size());
    comm_.AllGather(data.data(), data.size(), all.data());
    for (int r = 0; r < comm_.size() && !data.empty(); ++r) {
      EXPECT_EQ(0, std::memcmp(data.data(), &all[r * data.size()],
                               data.size() * sizeof(T)))
          << "of rank " << r;
    }
  }

  template <typename T>
  void CheckAllGather(size_t count) {
    const std::vector<T> sent = Data<T>(comm_.rank(), count);
    std::vector<T> expected, received(count * comm_.size(), T(7));
    for (int r = 0; r < comm_.size(); ++r) {
      const std::vector<T> data = Data<T>(r, count);
      expected.insert(expected.end(), data.begin(), data.end());
    }
    comm_.AllGather(sent.data(), count, received.data());
    EXPECT_TRUE(expected == received);
    NextSeed();
  }

  template <typename T>
  void CheckReduceScatter(size_t count, Reduction reduction) {
    const size_t total = count * comm_.size();
    const std::vector<T> sent = Data<T>(comm_.rank(), total);
    std::vector<T> received(count, T(7));
    comm_.ReduceScatter(sent.data(), count, received.data(), reduction);
    ExpectSums(received, comm_.rank() * count, total, reduction);
    NextSeed();
  }

  template <typename T>
  void CheckBroadcast(size_t count, int root) {
    std::vector<T> data = Data<T>(comm_.rank(), count);
    comm_.Broadcast(data.data(), count, root);
    EXPECT_TRUE(Data<T>(root, count) == data) << "from rank " << root;
    NextSeed();
  }

  Communicator& comm_;
  unsigned seed_;
};

// Calls every collective with the last rank missing (as a broadcast's root,
// too) and expects the others to name it, and the call, in time. Ranks come
// together again in `make`, which gives each a communicator of a new group.
inline void CheckTimeouts(
    int rank, int size,
    const std::function<std::unique_ptr<Communicator>()>& make) {
  using Call = std::function<void(Communicator*, double* data, double* more)>;
  const int late = size - 1;
  const std::map<std::string, Call> calls = {
      {"all-reduce of 8 double",
       [](Communicator* c, double* data, double*) { c->AllReduce(data, 8); }},
      {"all-gather of 8 double",
       [](Communicator* c, double* data, double* more) {
         c->AllGather(data, 8, more);
       }},
      {"reduce-scatter of 8 double",
       [](Communicator* c, double* data, double* more) {
         c->ReduceScatter(more, 8, data);
       }},
      {"broadcast of 8 double from rank " + std::to_string(late),
       [late](Communicator* c, double* data, double*) {
         c->Broadcast(data, 8, late);
       }},
      {"barrier", [](Communicator* c, double*, double*) { c->Barrier(); }},
  };
  for (const auto& [name, call] : calls) {
    std::unique_ptr<Communicator> communicator = make();
    communicator->Barrier();
    if (rank == late) continue;
    communicator->set_timeout(0.5);
    std::vector<double> data(8), more(8 * size);
    const auto start = std::chrono::steady_clock::now();
    try {
      call(communicator.get(), data.data(), more.data());
      ADD_FAILURE() << name << " did not miss rank " << late;
    } catch (const CommunicatorError& error) {
      EXPECT_EQ(late, error.blame());
      const std::string expected =
          name + " timed out after 0.5 s: no word from rank " +
          std::to_string(late);
      EXPECT_EQ(expected, std::string(error.what()).substr(0, expected.size()));
    }
    const std::chrono::duration<double> taken =
        std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), 10);
  }
}

// The lengths of the suite: nothing, one, fewer than ranks, odd, more than a
// strip, and more than a segment of any transport.
inline std::vector<size_t> ConformanceLengths() {
  return {0, 1, 5, 1023, 20011};
}

inline void CheckConformance(Communicator* communicator, unsigned seed) {
  Conformance suite(communicator, seed);
  for (size_t count : ConformanceLengths()) {
    suite.CheckAll<float>(count);
    suite.CheckAll<double>(count);
  }
  suite.CheckStrings();
}

}  // namespace two_stream

#endif  // TWO_STREAM_TESTS_PARALLEL_CONFORMANCE_HPP_
