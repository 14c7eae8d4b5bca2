#ifndef TWO_STREAM_TOOLS_SYNTHETIC_DATA_HPP_
#define TWO_STREAM_TOOLS_SYNTHETIC_DATA_HPP_

#include "caffe/proto/caffe.pb.h"

namespace two_stream {

// Puts DummyData (Gaussian images, label 1) in the place of a net's VideoData
// layers, with the shapes that those would give at this batch size. So a net
// can be planned or timed without its data.
inline void UseSyntheticData(int batch, caffe::NetParameter* net) {
  for (caffe::LayerParameter& layer : *net->mutable_layer()) {
    if (layer.type() != "VideoData") continue;
    const auto video = layer.video_data_param();
    const int channels =
        video.num_segments() * video.new_length() *
        (video.modality() == caffe::VideoDataParameter::FLOW ? 2 : 3);
    const int size = layer.transform_param().crop_size();
    layer.set_type("DummyData");
    layer.clear_video_data_param();
    layer.clear_transform_param();
    auto* dummy = layer.mutable_dummy_data_param();
    auto* images = dummy->add_shape();
    for (int dim : {batch, channels, size, size}) images->add_dim(dim);
    dummy->add_shape()->add_dim(batch);
    dummy->add_data_filler()->set_type("gaussian");
    auto* label = dummy->add_data_filler();
    label->set_type("constant");
    label->set_value(1);
  }
}

}  // namespace two_stream

#endif  // TWO_STREAM_TOOLS_SYNTHETIC_DATA_HPP_
