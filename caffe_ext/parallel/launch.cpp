#include "caffe_ext/parallel/launch.hpp"

#include <cblas.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/rank_failure.hpp"

namespace two_stream {
namespace {

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

Launch InOneProcess(const LaunchRequest& request) {
  const int devices = request.devices.size();
  if (request.workers < 0) {
    throw UserError("-workers " + std::to_string(request.workers) +
                    ": at least 1");
  }
  Launch launch;
  launch.world = std::max({1, devices, request.workers});
  for (int rank = 0; rank < launch.world; ++rank) {
    launch.ranks.push_back(
        {rank, PickDevice(request.devices, rank, launch.world)});
  }
  launch.hosts.assign(launch.world, HostName());
  const int cores = std::thread::hardware_concurrency();
  launch.cores = std::max(1, cores / launch.world);
  return launch;
}

Launch UnderLauncher(const LaunchRequest& request,
                     const LauncherEnvironment& environment) {
  const std::string started = environment.variable + " says that a launcher " +
                              "started " + std::to_string(environment.size) +
                              " ranks";
  std::shared_ptr<ProcessWorld> world = JoinProcessWorld();
  if (!world) {
    throw UserError(started +
                    ", but this caffe was built without MPI; install MPI and "
                    "build again, or use -gpu 0,1,... or -workers N instead");
  }
  if (world->size() != environment.size) {
    throw UserError(started + ", but MPI sees " +
                    std::to_string(world->size()) +
                    ": launcher and library are of different MPIs; use the "
                    "mpirun of the MPI that caffe was built with");
  }
  Launch launch;
  launch.world = world->size();
  // This host may lack what others have: they must not wait for it.
  EndWorldOnFailure(world.get(), [&] {
    if (request.workers > 1) {
      throw UserError(started + ", so -workers " +
                      std::to_string(request.workers) + " cannot be used");
    }
    launch.ranks.push_back(
        {world->rank(), PickDevice(request.devices, world->local_rank(),
                                   world->local_size())});
  });
  launch.hosts = world->hosts();
  launch.cores = world->cores();
  launch.processes = std::move(world);
  return launch;
}

}  // namespace

LauncherEnvironment LauncherEnvironment::Read() {
  LauncherEnvironment environment;
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                               "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* value = std::getenv(variable);
    if (!value) continue;
    environment.size = std::max(1, std::atoi(value));
    environment.variable = variable;
    break;
  }
  return environment;
}

Launch PlanLaunch(const LaunchRequest& request,
                  const LauncherEnvironment& environment) {
  if (request.workers > 0 && !request.devices.empty()) {
    throw UserError(
        "-workers is for ranks on the CPU and -gpu for ranks on devices: give "
        "one of them");
  }
  // One rank that a launcher started needs no MPI.
  const bool launched = !environment.variable.empty() && environment.size > 1;
  return launched ? UnderLauncher(request, environment) : InOneProcess(request);
}

int PickDevice(const std::vector<int>& devices, int local_rank,
               int local_size) {
  if (devices.empty()) return -1;
  if (devices.size() < local_size) {
    throw UserError(std::to_string(local_size) +
                    " ranks on this host, but -gpu lists " +
                    std::to_string(devices.size()) +
                    "; list one for each rank (the same one twice if they are "
                    "to share it)");
  }
  return devices[local_rank];
}

void AcceptForwardedSignals() {
  std::signal(SIGUSR1, [](int) { std::raise(SIGHUP); });
  std::signal(SIGUSR2, [](int) { std::raise(SIGINT); });
}

int SetBlasThreads(int cores) {
  for (const char* variable : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const char* value = std::getenv(variable)) return std::atoi(value);
  }
  openblas_set_num_threads(cores);
  return cores;
}

}  // namespace two_stream
