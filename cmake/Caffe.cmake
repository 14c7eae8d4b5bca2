# Upstream Caffe, compiled by us. Its tree in the build folder is a copy with the
# fixes of third_party/caffe/fixes.py and our fields in caffe.proto.
set(CAFFE_SOURCE_DIR "$ENV{CAFFE_SOURCE_DIR}" CACHE PATH "A checkout of BVLC Caffe to use")
set(CAFFE_DIR ${PROJECT_BINARY_DIR}/caffe-src)
file(GLOB caffe_grafts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/caffe_ext/proto/*.proto)
file(GLOB caffe_scripts ${PROJECT_SOURCE_DIR}/third_party/caffe/*)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${caffe_grafts} ${caffe_scripts})
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env CAFFE_SOURCE_DIR=${CAFFE_SOURCE_DIR}
          ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/third_party/caffe/prepare.py
          ${CAFFE_DIR} ${caffe_grafts}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "Caffe's sources are not ready; the line above says why.")
endif()

# caffe.pb.{h,cc} for the library, caffe_pb2.py for pycaffe.
set(proto_dir ${PROJECT_BINARY_DIR}/generated/caffe/proto)
set(CAFFE_PYTHON_DIR ${PROJECT_BINARY_DIR}/python/caffe)
file(MAKE_DIRECTORY ${proto_dir} ${CAFFE_PYTHON_DIR}/proto)
add_custom_command(
  OUTPUT ${proto_dir}/caffe.pb.cc ${proto_dir}/caffe.pb.h ${CAFFE_PYTHON_DIR}/proto/caffe_pb2.py
  COMMAND protobuf::protoc -I ${CAFFE_DIR}/src/caffe/proto --cpp_out=${proto_dir}
          --python_out=${CAFFE_PYTHON_DIR}/proto ${CAFFE_DIR}/src/caffe/proto/caffe.proto
  DEPENDS ${CAFFE_DIR}/src/caffe/proto/caffe.proto VERBATIM)
add_custom_target(caffe_proto DEPENDS ${proto_dir}/caffe.pb.h)

file(GLOB caffe_sources ${CAFFE_DIR}/src/caffe/*.cpp ${CAFFE_DIR}/src/caffe/*/*.cpp)
list(FILTER caffe_sources EXCLUDE REGEX "/src/caffe/test/")
if(WITH_CUDA)
  file(GLOB_RECURSE caffe_cuda_sources ${CAFFE_DIR}/src/caffe/*.cu)
  list(FILTER caffe_cuda_sources EXCLUDE REGEX "/src/caffe/test/")
  list(APPEND caffe_sources ${caffe_cuda_sources})
endif()
# Not for cuDNN 9: see the fix cudnn9-convolution.
list(FILTER caffe_sources EXCLUDE REGEX "/cudnn_(de)?conv_layer\\.")
add_library(caffe SHARED ${caffe_sources} ${proto_dir}/caffe.pb.cc)
add_dependencies(caffe caffe_proto)
target_include_directories(caffe SYSTEM PUBLIC ${CAFFE_DIR}/include ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(caffe PUBLIC
  USE_HDF5 USE_OPENCV USE_LMDB USE_LEVELDB WITH_PYTHON_LAYER CAFFE_VERSION=1.0.0
  BOOST_BIND_GLOBAL_PLACEHOLDERS $<$<NOT:$<BOOL:${WITH_CUDA}>>:CPU_ONLY>)
# Upstream's warnings are not ours to mend.
target_compile_options(caffe PRIVATE -w)
target_link_libraries(caffe PUBLIC caffe_dependencies)
if(WITH_CUDA)
  two_stream_link_cuda(caffe)
endif()
