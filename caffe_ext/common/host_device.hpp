#ifndef TWO_STREAM_COMMON_HOST_DEVICE_HPP_
#define TWO_STREAM_COMMON_HOST_DEVICE_HPP_

// Marks a function that CUDA kernels may call too; nothing in plain C++.
#ifdef __CUDACC__
#define TWO_STREAM_HOST_DEVICE __host__ __device__
#else
#define TWO_STREAM_HOST_DEVICE
#endif

#endif  // TWO_STREAM_COMMON_HOST_DEVICE_HPP_
