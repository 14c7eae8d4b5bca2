#include "caffe_ext/parallel/global_batch.hpp"

#include <sstream>
#include <vector>

#include "caffe/net.hpp"
#include "caffe_ext/common/error.hpp"
#include "caffe_ext/common/prototxt.hpp"

namespace two_stream {
namespace {

std::string Count(int count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

// The divisor of `number` that is nearest to `wish`.
int NearestDivisor(int number, int wish) {
  for (int distance = 0;; ++distance) {
    for (int divisor : {wish - distance, wish + distance}) {
      if (divisor >= 1 && number % divisor == 0) return divisor;
    }
  }
}

std::string Refusal(int global, int batch, int ranks) {
  const int pass = batch * ranks;
  std::ostringstream text;
  text << "global_batch_size " << global << " is no multiple of "
       << Count(ranks, "rank") << " x batch_size " << batch << " = " << pass
       << "; workable: global_batch_size ";
  if (global > pass) text << global / pass * pass << " or ";
  text << (global / pass + 1) * pass;
  if (global % ranks == 0) {
    text << ", or batch_size " << NearestDivisor(global / ranks, batch);
  } else if (global % batch == 0) {
    text << ", or " << Count(NearestDivisor(global / batch, ranks), "rank");
  }
  return text.str();
}

}  // namespace

std::string BatchPlan::ToString() const {
  std::ostringstream text;
  if (batch < 1) {
    text << "global batch unknown: no data layer tells its batch size ("
         << Count(ranks, "rank") << ", iter_size " << iter_size << ")";
    return text.str();
  }
  text << "global batch " << global() << " = " << Count(ranks, "rank") << " x "
       << batch << " x iter_size " << iter_size;
  return text.str();
}

BatchPlan PlanBatch(const caffe::SolverParameter& solver, int batch,
                    int ranks) {
  BatchPlan plan{batch, ranks, solver.iter_size()};
  if (!solver.has_global_batch_size()) return plan;
  const int global = solver.global_batch_size();
  if (global < 1) {
    throw UserError("global_batch_size must be at least 1, not " +
                    std::to_string(global));
  }
  if (batch < 1) {
    throw UserError(
        "global_batch_size is set, but the train net has no data layer whose "
        "batch size could be told; set iter_size instead");
  }
  if (global % (batch * ranks) != 0) {
    throw UserError(Refusal(global, batch, ranks));
  }
  plan.iter_size = global / (batch * ranks);
  if (solver.has_iter_size() && solver.iter_size() != plan.iter_size) {
    throw UserError("iter_size " + std::to_string(solver.iter_size()) +
                    " contradicts global_batch_size: " + plan.ToString() +
                    "; leave iter_size out");
  }
  return plan;
}

caffe::NetParameter TrainNet(const caffe::SolverParameter& solver) {
  caffe::NetParameter net;
  if (solver.has_train_net_param()) {
    net = solver.train_net_param();
  } else if (solver.has_train_net()) {
    net = ReadNetFile(solver.train_net());
  } else if (solver.has_net_param()) {
    net = solver.net_param();
  } else {
    net = ReadNetFile(solver.net());
  }
  caffe::NetState state;
  state.set_phase(caffe::TRAIN);
  state.MergeFrom(net.state());
  state.MergeFrom(solver.train_state());
  net.mutable_state()->CopyFrom(state);
  caffe::NetParameter filtered;
  caffe::Net<float>::FilterNet(net, &filtered);
  return filtered;
}

int BatchSize(const caffe::NetParameter& net) {
  for (const caffe::LayerParameter& layer : net.layer()) {
    if (layer.bottom_size() > 0) continue;
    if (layer.has_video_data_param()) {
      return layer.video_data_param().batch_size();
    }
    if (layer.has_data_param()) return layer.data_param().batch_size();
    if (layer.has_image_data_param()) {
      return layer.image_data_param().batch_size();
    }
    if (layer.has_hdf5_data_param()) {
      return layer.hdf5_data_param().batch_size();
    }
    if (layer.has_window_data_param()) {
      return layer.window_data_param().batch_size();
    }
    if (layer.has_memory_data_param()) {
      return layer.memory_data_param().batch_size();
    }
    if (layer.has_dummy_data_param() &&
        layer.dummy_data_param().shape_size() > 0 &&
        layer.dummy_data_param().shape(0).dim_size() > 0) {
      return layer.dummy_data_param().shape(0).dim(0);
    }
  }
  return 0;
}

}  // namespace two_stream
