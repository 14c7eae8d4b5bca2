# What Caffe and we build upon. Each is an imported target; `caffe_dependencies`
# collects those of Caffe, `two_stream_optional` those of ours that may be absent.
find_package(Python3 REQUIRED COMPONENTS Interpreter Development NumPy)
find_package(Threads REQUIRED)
find_package(Boost 1.71 CONFIG REQUIRED COMPONENTS system filesystem thread
             python${Python3_VERSION_MAJOR}${Python3_VERSION_MINOR})
find_package(Protobuf REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C HL)
find_package(gflags REQUIRED)
find_package(glog REQUIRED)

# OpenCV's own package file belongs to its all-in-one development package, with
# GUI toolkits that nothing here needs; the modules are looked for one by one.
find_path(OpenCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_path(CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas REQUIRED)
find_library(OPENBLAS_LIBRARY openblas REQUIRED)
set(libraries ${OPENBLAS_LIBRARY})
foreach(name opencv_core opencv_imgproc opencv_imgcodecs lmdb leveldb snappy)
  find_library(${name}_LIBRARY ${name} REQUIRED)
  list(APPEND libraries ${${name}_LIBRARY})
endforeach()
file(STRINGS ${OpenCV_INCLUDE_DIR}/opencv2/core/version.hpp OpenCV_VERSION
     REGEX "#define CV_VERSION_(MAJOR|MINOR|REVISION) +[0-9]+")
string(REGEX REPLACE "[^;]* ([0-9]+)" "\\1" OpenCV_VERSION "${OpenCV_VERSION}")
string(REPLACE ";" "." OpenCV_VERSION "${OpenCV_VERSION}")

add_library(caffe_dependencies INTERFACE)
target_include_directories(caffe_dependencies SYSTEM INTERFACE
  ${OpenCV_INCLUDE_DIR} ${CBLAS_INCLUDE_DIR} ${HDF5_INCLUDE_DIRS} ${Python3_NumPy_INCLUDE_DIRS})
target_link_libraries(caffe_dependencies INTERFACE
  Boost::system Boost::filesystem Boost::thread
  Boost::python${Python3_VERSION_MAJOR}${Python3_VERSION_MINOR} Python3::Python
  protobuf::libprotobuf ${HDF5_C_LIBRARIES} ${HDF5_HL_LIBRARIES} gflags glog::glog
  ${libraries} Threads::Threads)

# A source that needs an optional library ends in its name, and is compiled only
# where the library is found: no #ifdef in the code.
add_library(two_stream_optional INTERFACE)
set(two_stream_backends "")
if(WITH_MPI)
  find_package(MPI COMPONENTS CXX)
  if(MPI_CXX_FOUND)
    list(APPEND two_stream_backends mpi)
    set(INFO_MPI "${MPI_CXX_VERSION}")
    target_link_libraries(two_stream_optional INTERFACE MPI::MPI_CXX)
  endif()
endif()
if(WITH_CUDA)
  include(Cuda)
endif()

function(two_stream_select_sources list)
  foreach(name mpi cuda cudnn nccl)
    if(NOT name IN_LIST two_stream_backends)
      list(FILTER ${list} EXCLUDE REGEX "_${name}\\.(cpp|cu)$")
    endif()
  endforeach()
  set(${list} ${${list}} PARENT_SCOPE)
endfunction()
