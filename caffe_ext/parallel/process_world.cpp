#include "caffe_ext/parallel/process_world.hpp"

namespace two_stream {
namespace {

using Join = std::shared_ptr<ProcessWorld> (*)();

Join& RegisteredJoin() {
  static Join join = nullptr;
  return join;
}

}  // namespace

ProcessWorldRegistration::ProcessWorldRegistration(Join join) {
  RegisteredJoin() = join;
}

std::shared_ptr<ProcessWorld> JoinProcessWorld() {
  return RegisteredJoin() ? RegisteredJoin()() : nullptr;
}

}  // namespace two_stream
