#!/bin/sh
# Checks everything that needs a GPU on a machine that has one, and writes
# docs/gpu/REPORT-<gpu>.md. Builds what is missing first (an hour or so on two
# cores, most of it Caffe's own tests; minutes on sixteen).
#
#   tools/gpu_check.sh             all checks, on the GPUs present
#   tools/gpu_check.sh --quick     small nets in the place of VGG-16
#   tools/gpu_check.sh --no-gpu    a rehearsal with the CPU build
set -eu
cd "$(dirname "$0")/.."
case " $* " in
  *" --no-gpu "*) make build-tests ;;
  *)
    nvidia-smi -L > /dev/null 2>&1 || {
      echo "error: nvidia-smi lists no GPU; --no-gpu rehearses on the CPU" >&2
      exit 1
    }
    make build-cuda
    cmake --build build/cuda -j "$(nproc)" --target two_stream_tests caffe_tests
    ;;
esac
PYTHONPATH=python:tools exec .venv/bin/python -m gpu_check "$@"
