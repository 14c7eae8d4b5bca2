# The GPU side: nvcc and the runtime from the CUDA toolkit; cuBLAS, cuRAND, cuDNN
# and NCCL from the system where it has them, else from NVIDIA's wheels on PyPI
# (third_party/cuda). Nothing here needs a GPU or a driver: the runtime library
# loads libcuda.so.1 when a device is first asked for.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(CMAKE_CUDA_COMPILER nvcc PATHS /usr/local/cuda/bin /opt/cuda/bin)
endif()
if(NOT CMAKE_CUDA_ARCHITECTURES)
  # Those of this machine's GPUs, or else Hopper. (CMake's "native" is younger
  # than the oldest CMake we take.)
  execute_process(
    COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
    RESULT_VARIABLE no_gpu OUTPUT_VARIABLE capabilities ERROR_QUIET)
  string(REGEX MATCHALL "[0-9]+\\.[0-9]" capabilities "${capabilities}")
  string(REPLACE "." "" capabilities "${capabilities}")
  list(REMOVE_DUPLICATES capabilities)
  if(no_gpu OR NOT capabilities)
    set(capabilities 90)
  endif()
  set(CMAKE_CUDA_ARCHITECTURES ${capabilities} CACHE STRING "As 80;90")
endif()
# One runtime library in the process: each shared library would carry a static
# one of its own, with its own idea of the current device.
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
enable_language(CUDA)
find_package(CUDAToolkit 12 REQUIRED)
set(INFO_CUDA "${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")

# two_stream_find_cuda(name header path-suffix sonames...): NAME_INCLUDE and
# NAME_LIBRARY; in the wheels, libraries have their full soname only.
set(CUDA_WHEELS "" CACHE INTERNAL "Folder of the wheels, once they were needed")
function(two_stream_find_cuda name header suffix)
  set(hints ${CUDAToolkit_INCLUDE_DIRS} ${CUDAToolkit_LIBRARY_DIR})
  find_path(${name}_INCLUDE ${header} HINTS ${hints})
  find_library(${name}_LIBRARY NAMES ${ARGN} HINTS ${hints})
  if(${name}_INCLUDE AND ${name}_LIBRARY)
    return()
  endif()
  if(CUDAToolkit_VERSION VERSION_LESS 13)
    message(FATAL_ERROR "${header} and its library were not found, and the wheels "
      "of third_party/cuda are for CUDA 13, not ${CUDAToolkit_VERSION}: install them.")
  endif()
  if(NOT CUDA_WHEELS)
    message(STATUS "Installing NVIDIA's libraries from wheels (1.4 GB, once)")
    execute_process(
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/third_party/cuda/wheels.py
      OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "NVIDIA's libraries are missing; the line above says why.")
    endif()
    set(CUDA_WHEELS ${folder} CACHE INTERNAL "")
  endif()
  unset(${name}_INCLUDE CACHE)
  unset(${name}_LIBRARY CACHE)
  set(root ${CUDA_WHEELS}/nvidia/${suffix})
  find_path(${name}_INCLUDE ${header} PATHS ${root}/include NO_DEFAULT_PATH REQUIRED)
  find_library(${name}_LIBRARY NAMES ${ARGN} PATHS ${root}/lib NO_DEFAULT_PATH REQUIRED)
endfunction()

# two_stream_header_version(out header prefix): "9.14.0" from #defines.
function(two_stream_header_version out header)
  set(numbers "")
  foreach(macro ${ARGN})
    file(STRINGS ${header} line REGEX "^#define +${macro} +[0-9]+" LIMIT_COUNT 1)
    string(REGEX REPLACE ".* ([0-9]+).*" "\\1" number "${line}")
    list(APPEND numbers ${number})
  endforeach()
  string(REPLACE ";" "." numbers "${numbers}")
  set(${out} ${numbers} PARENT_SCOPE)
endfunction()

two_stream_find_cuda(CUBLAS cublas_v2.h cu13 cublas libcublas.so.13)
two_stream_find_cuda(CURAND curand.h cu13 curand libcurand.so.10)
two_stream_find_cuda(CUDNN cudnn_version.h cudnn cudnn libcudnn.so.9)
two_stream_find_cuda(NCCL nccl.h nccl nccl libnccl.so.2)
two_stream_header_version(INFO_CUDNN ${CUDNN_INCLUDE}/cudnn_version.h
  CUDNN_MAJOR CUDNN_MINOR CUDNN_PATCHLEVEL)
two_stream_header_version(INFO_NCCL ${NCCL_INCLUDE}/nccl.h NCCL_MAJOR NCCL_MINOR NCCL_PATCH)
if(INFO_CUDNN VERSION_LESS 9)
  message(FATAL_ERROR "cuDNN 9 is needed, not ${INFO_CUDNN} (${CUDNN_LIBRARY})")
endif()
message(STATUS "cuDNN ${INFO_CUDNN}: ${CUDNN_LIBRARY}")
message(STATUS "NCCL ${INFO_NCCL}: ${NCCL_LIBRARY}")

# What Caffe's library needs. NCCL is ours alone: Caffe's own use of it (USE_NCCL)
# is a trainer that ours replaces.
# Since CUDA 13 Thrust has a folder of its own, which nvcc knows and the C++
# compiler doesn't; one of Caffe's .cpp files uses it.
function(two_stream_link_cuda target)
  list(TRANSFORM CUDAToolkit_INCLUDE_DIRS APPEND /cccl OUTPUT_VARIABLE thrust)
  target_include_directories(${target} SYSTEM PUBLIC
    ${CUDAToolkit_INCLUDE_DIRS} ${thrust} ${CUBLAS_INCLUDE} ${CURAND_INCLUDE} ${CUDNN_INCLUDE})
  target_compile_definitions(${target} PUBLIC USE_CUDNN)
  target_link_libraries(${target} PUBLIC
    CUDA::cudart ${CUBLAS_LIBRARY} ${CURAND_LIBRARY} ${CUDNN_LIBRARY})
endfunction()
list(APPEND two_stream_backends cuda cudnn nccl)
target_include_directories(two_stream_optional SYSTEM INTERFACE ${NCCL_INCLUDE})
target_link_libraries(two_stream_optional INTERFACE ${NCCL_LIBRARY})
