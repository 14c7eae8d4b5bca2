#include "caffe_ext/parallel/resumable_solver.hpp"

#include <boost/filesystem.hpp>
#include <vector>

#include "caffe/sgd_solvers.hpp"
#include "caffe/util/hdf5.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/parallel/global_batch.hpp"
#include "caffe_ext/parallel/run_state.hpp"
#include "caffe_ext/parallel/snapshot_file.hpp"

namespace two_stream {
namespace {

const char kDataset[] = "run_state";  // in HDF5 states

bool IsHdf5(const std::string& file) {
  return boost::filesystem::path(file).extension() == ".h5";
}

void AppendToHdf5(const caffe::RunState& state, const std::string& file) {
  const std::string bytes = state.SerializeAsString();
  const hid_t handle = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t length = bytes.size();
  const bool written =
      handle >= 0 && H5LTmake_dataset(handle, kDataset, 1, &length,
                                      H5T_NATIVE_UCHAR, bytes.data()) >= 0;
  if (handle >= 0) H5Fclose(handle);
  if (!written) throw UserError(file + ": the run state cannot be written");
}

caffe::RunState ReadFromHdf5(const std::string& file) {
  const hid_t handle = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (handle < 0) throw UserError(file + ": cannot be read as HDF5");
  caffe::RunState state;
  if (H5LTfind_dataset(handle, kDataset)) {
    hsize_t length = 0;
    H5LTget_dataset_info(handle, kDataset, &length, nullptr, nullptr);
    std::string bytes(length, 0);
    H5LTread_dataset(handle, kDataset, H5T_NATIVE_UCHAR, &bytes[0]);
    state.ParseFromString(bytes);
  }
  H5Fclose(handle);
  return state;
}

// A state that was moved together with its model names the old place.
std::string FindModel(const std::string& model, const std::string& state) {
  namespace fs = boost::filesystem;
  if (fs::exists(model)) return model;
  const fs::path beside =
      fs::path(state).parent_path() / fs::path(model).filename();
  if (fs::exists(beside)) return beside.string();
  throw UserError(state + ": its model " + model +
                  " is gone, and is not beside it either");
}

template <typename Dtype, template <typename> class Base>
class Resumable : public Base<Dtype>, public ResumableSolver<Dtype> {
 public:
  explicit Resumable(const caffe::SolverParameter& param)
      : Base<Dtype>(param) {}

  void TakeOverSchedule() override {
    this->param_.set_test_interval(0);
    this->param_.set_snapshot(0);
    this->param_.set_snapshot_after_train(false);
    // Caffe prints debug_info at its own displays only.
    if (!this->param_.debug_info()) this->param_.set_display(0);
  }

  void WriteSnapshot(const caffe::RunState& state) override {
    state_ = state;
    has_state_ = true;
    if (this->param_.snapshot_format() ==
        caffe::SolverParameter_SnapshotFormat_HDF5) {
      WriteHdf5();
    } else {
      const std::string model = this->SnapshotFilename(".caffemodel");
      LOG(INFO) << "Snapshotting to binary proto file " << model;
      caffe::NetParameter net;
      this->net_->ToProto(&net, this->param_.snapshot_diff());
      WriteMessage(net, model);
      SnapshotSolverStateToBinaryProto(model);
    }
    has_state_ = false;
  }

  const caffe::RunState& restored() const override { return restored_; }

 protected:
  void SnapshotSolverStateToBinaryProto(const std::string& model) override {
    caffe::SolverState state;
    state.set_iter(this->iter_);
    state.set_learned_net(model);
    state.set_current_step(this->current_step_);
    for (const auto& blob : this->history_) {
      blob->ToProto(state.add_history());
    }
    *state.mutable_run_state() = CurrentState();
    const std::string file = this->SnapshotFilename(".solverstate");
    LOG(INFO) << "Snapshotting solver state to binary proto file " << file;
    WriteMessage(state, file);
  }

  void SnapshotSolverStateToHDF5(const std::string& model) override {
    Base<Dtype>::SnapshotSolverStateToHDF5(model);
    AppendToHdf5(CurrentState(), this->SnapshotFilename(".solverstate.h5"));
  }

  void RestoreSolverStateFromBinaryProto(const std::string& file) override {
    caffe::SolverState state;
    ReadMessage(file, &state);
    if (state.history_size() != this->history_.size()) {
      throw UserError(file + ": has " + std::to_string(state.history_size()) +
                      " history blobs where this solver and net have " +
                      std::to_string(this->history_.size()));
    }
    if (state.has_learned_net()) {
      this->net_->CopyTrainedLayersFrom(FindModel(state.learned_net(), file));
    }
    this->iter_ = state.iter();
    this->current_step_ = state.current_step();
    for (int i = 0; i < state.history_size(); ++i) {
      this->history_[i]->FromProto(state.history(i));
    }
    Apply(state.run_state(), file);
  }

  void RestoreSolverStateFromHDF5(const std::string& file) override {
    Base<Dtype>::RestoreSolverStateFromHDF5(file);
    Apply(ReadFromHdf5(file), file);
  }

 private:
  // Caffe's HDF5 writers choose the names; a prefix makes them temporary ones.
  void WriteHdf5() {
    const std::string model = this->SnapshotFilename(".caffemodel.h5");
    const std::string state = this->SnapshotFilename(".solverstate.h5");
    const std::string prefix = this->param_.snapshot_prefix();
    LOG(INFO) << "Snapshotting to HDF5 file " << model;
    this->net_->ToHDF5(PartialName(model), this->param_.snapshot_diff());
    CommitFile(model);
    this->param_.set_snapshot_prefix(PartialName(prefix));
    SnapshotSolverStateToHDF5(model);
    this->param_.set_snapshot_prefix(prefix);
    CommitFile(state);
  }

  caffe::RunState CurrentState() const {
    if (has_state_) return state_;
    caffe::RunState state;
    if (restored_.has_seed()) state.set_seed(restored_.seed());
    *state.mutable_train_cursor() = SaveCursors(*this->net_);
    for (const auto& net : this->test_nets_) {
      *state.add_test()->mutable_cursor() = SaveCursors(*net);
    }
    state.add_generator(SaveGenerator());
    return state;
  }

  void Apply(const caffe::RunState& state, const std::string& file) {
    restored_ = state;
    const int rank = caffe::Caffe::solver_rank();
    if (state.train_cursor_size() == 0 && state.generator_size() == 0) {
      LOG(WARNING) << file << " was written by another Caffe: parameters and "
                   << "history are restored, the data start anew.";
    }
    ReplayCaffeData(this->iter_ * this->param_.iter_size(), this->net_.get());
    RestoreCursors(state.train_cursor(), this->net_.get());
    for (int i = 0; i < state.test_size() && i < this->test_nets_.size(); ++i) {
      RestoreCursors(state.test(i).cursor(), this->test_nets_[i].get());
    }
    if (rank < state.generator_size()) {
      RestoreGenerator(state.generator(rank));
    }
  }

  caffe::RunState state_;  // to be written, if has_state_
  bool has_state_ = false;
  caffe::RunState restored_;
};

template <typename Dtype, template <typename> class Base>
caffe::Solver<Dtype>* Create(const caffe::SolverParameter& param) {
  caffe::SolverParameter planned = param;
  if (param.has_global_batch_size()) {
    const int ranks = caffe::Caffe::solver_count();
    planned.set_iter_size(
        PlanBatch(param, BatchSize(TrainNet(param)), ranks).iter_size);
  }
  return new Resumable<Dtype, Base>(planned);
}

template <template <typename> class Base>
struct Registration {
  explicit Registration(const char* type) {
    caffe::SolverRegistry<float>::Registry()[type] = &Create<float, Base>;
    caffe::SolverRegistry<double>::Registry()[type] = &Create<double, Base>;
  }
};

const Registration<caffe::SGDSolver> g_sgd("SGD");
const Registration<caffe::NesterovSolver> g_nesterov("Nesterov");
const Registration<caffe::AdaGradSolver> g_adagrad("AdaGrad");
const Registration<caffe::RMSPropSolver> g_rmsprop("RMSProp");
const Registration<caffe::AdaDeltaSolver> g_adadelta("AdaDelta");
const Registration<caffe::AdamSolver> g_adam("Adam");

}  // namespace

caffe::RunState ReadRunState(const std::string& state_file) {
  if (IsHdf5(state_file)) return ReadFromHdf5(state_file);
  caffe::SolverState state;
  ReadMessage(state_file, &state);
  return state.run_state();
}

}  // namespace two_stream
