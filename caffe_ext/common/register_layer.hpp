#ifndef TWO_STREAM_COMMON_REGISTER_LAYER_HPP_
#define TWO_STREAM_COMMON_REGISTER_LAYER_HPP_

#include <boost/shared_ptr.hpp>
#include <string>

#include "caffe/layer.hpp"
#include "caffe/layer_factory.hpp"

namespace two_stream {

// Puts a creator into Caffe's LayerRegistry, in place of an earlier one of the
// same type. Caffe's own macro aborts on a second registration; the registry
// itself is public, and our library's initialisers run after Caffe's, so a
// layer of ours can take the place of one of Caffe's.
template <typename Dtype>
struct LayerRegistration {
  LayerRegistration(const char* type,
                    typename caffe::LayerRegistry<Dtype>::Creator creator) {
    caffe::LayerRegistry<Dtype>::Registry()[type] = creator;
  }
};

template <template <typename> class LayerClass, typename Dtype>
boost::shared_ptr<caffe::Layer<Dtype>> CreateLayer(
    const caffe::LayerParameter& param) {
  return boost::shared_ptr<caffe::Layer<Dtype>>(new LayerClass<Dtype>(param));
}

}  // namespace two_stream

// In one source file of the layer, inside namespace two_stream.
#define TWO_STREAM_REGISTER_LAYER(Type, LayerClass)                   \
  static ::two_stream::LayerRegistration<float> g_register_f_##Type(  \
      #Type, &::two_stream::CreateLayer<LayerClass, float>);          \
  static ::two_stream::LayerRegistration<double> g_register_d_##Type( \
      #Type, &::two_stream::CreateLayer<LayerClass, double>);         \
  template class LayerClass<float>;                                   \
  template class LayerClass<double>

#endif  // TWO_STREAM_COMMON_REGISTER_LAYER_HPP_
