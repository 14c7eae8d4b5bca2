#ifndef TWO_STREAM_PARALLEL_PROCESS_WORLD_HPP_
#define TWO_STREAM_PARALLEL_PROCESS_WORLD_HPP_

#include <memory>
#include <string>
#include <vector>

#include "caffe_ext/parallel/communicator.hpp"

namespace two_stream {

// The processes that a launcher such as mpirun has started, one rank each.
class ProcessWorld {
 public:
  virtual ~ProcessWorld() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Among the ranks of this host.
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;
  // For each rank: its share of its host's, or what a launcher bound it to. The
  // least of all ranks, so that BLAS gives all of them the same bits.
  virtual int cores() const = 0;
  // Of all ranks, in order.
  virtual const std::vector<std::string>& hosts() const = 0;
  // Collective: all ranks call it in the same order.
  virtual std::unique_ptr<Communicator> MakeCommunicator() = 0;
  // Ends all processes of the world.
  [[noreturn]] virtual void Abort(int status) = 0;
};

// Joins the world; null where the library was built without such a transport.
// At most one at a time; it is left when the last pointer goes.
std::shared_ptr<ProcessWorld> JoinProcessWorld();

// For the transport's source file.
struct ProcessWorldRegistration {
  explicit ProcessWorldRegistration(std::shared_ptr<ProcessWorld> (*join)());
};

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_PROCESS_WORLD_HPP_
