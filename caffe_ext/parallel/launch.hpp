#ifndef TWO_STREAM_PARALLEL_LAUNCH_HPP_
#define TWO_STREAM_PARALLEL_LAUNCH_HPP_

#include <memory>
#include <string>
#include <vector>

#include "caffe_ext/parallel/process_world.hpp"

namespace two_stream {

// What the user asked for.
struct LaunchRequest {
  std::vector<int> devices;  // of -gpu; empty: CPU
  int workers = 0;           // of -workers; 0: not given
};

// What a launcher says in the environment.
struct LauncherEnvironment {
  int size = 1;          // ranks that it started
  std::string variable;  // which variable says so; empty: no launcher

  // Reads the variables of Open MPI, MPICH and its kin, and Slurm.
  static LauncherEnvironment Read();
};

// One rank of this process.
struct LocalRank {
  int rank = 0;
  int device = -1;  // -1: CPU
};

struct Launch {
  int world = 1;
  std::vector<LocalRank> ranks;             // of this process
  std::vector<std::string> hosts;           // of all ranks
  int cores = 1;                            // of this host, for each rank
  std::shared_ptr<ProcessWorld> processes;  // null: this process is the world
};

// Joins the launcher's world, if there is one, and gives each rank of this
// process its device: by the rank on its host, never by the global rank. Throws
// UserError for requests that contradict each other, too few devices, and a
// launcher that started more ranks than MPI sees. Of several processes the one
// that has too few prints its line and ends all of them.
Launch PlanLaunch(const LaunchRequest& request,
                  const LauncherEnvironment& environment);

// The part of it that needs no launcher: rank `local_rank` of `local_size` on a
// host takes this device. Throws UserError if there are fewer devices.
int PickDevice(const std::vector<int>& devices, int local_rank, int local_size);

// mpirun keeps SIGHUP and SIGINT for itself, but hands SIGUSR1 and SIGUSR2 to
// its ranks: from now on they stand for the former two.
void AcceptForwardedSignals();

// Sets the number of BLAS threads of a call, unless the user has set it in the
// environment, and returns it.
int SetBlasThreads(int cores);

}  // namespace two_stream

#endif  // TWO_STREAM_PARALLEL_LAUNCH_HPP_
