# Everyday commands; CMake does the work (CMakePresets.json).
.DEFAULT_GOAL := build
SHELL := /bin/bash
PYTHON := .venv/bin/python
JOBS ?= $(shell nproc)
# The same file in another clone is a cache hit.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
PYTHONPATH_IN_PLACE := $(CURDIR)/python:$(CURDIR)/data_prep:$(CURDIR)/build/cpu/python

.PHONY: setup
setup: ## Debian and Python packages (once)
	tools/setup.sh

.venv/requirements.txt: requirements.txt tools/setup.sh
	tools/setup.sh
	@touch $@

build/%/build.ninja: | .venv/requirements.txt
	cmake --preset $*

.PHONY: build
build: build/cpu/build.ninja ## build/cpu/bin/caffe, pycaffe and the driver
	cmake --build build/cpu -j $(JOBS) --target caffe_command pycaffe

.PHONY: build-tests
build-tests: build
	cmake --build build/cpu -j $(JOBS)

.PHONY: build-cuda
build-cuda: build/cuda/build.ninja ## build/cuda/bin/caffe with CUDA, cuDNN, NCCL
	cmake --build build/cuda -j $(JOBS) --target caffe_command pycaffe

.PHONY: test-cuda
test-cuda: build build-cuda ## what can be tested of it without a GPU
	cmake --build build/cuda -j $(JOBS) --target host_gpu_tests
	build/cuda/bin/host_gpu_tests --gtest_brief=1
	$(PYTHON) -m pytest tests/cuda

.PHONY: demo
demo: build ## video files to a two-stream result, in minutes, on a CPU
	build/cpu/bin/two-stream demo

.PHONY: test
test: test-cpp test-caffe test-pycaffe test-python ## everything

.PHONY: test-cpp
test-cpp: build-tests
	build/cpu/bin/two_stream_tests --gtest_brief=1

.PHONY: test-caffe
test-caffe: build-tests ## Caffe's own C++ tests against our library
	cd build/cpu/caffe-src && ../bin/caffe_tests --gtest_filter=-*GPU*:*CuDNN* \
	  > ../caffe_tests.log 2>&1 || { grep -a -B20 FAILED ../caffe_tests.log; exit 1; }
	@grep -a "tests ran\|PASSED" build/cpu/caffe_tests.log

.PHONY: test-pycaffe
test-pycaffe: build ## pycaffe's own tests
	cd build/cpu/caffe-src/python/caffe/test && \
	  PYTHONPATH=$(CURDIR)/build/cpu/python GLOG_minloglevel=2 \
	  $(CURDIR)/$(PYTHON) -m unittest discover -t . -s . > $(CURDIR)/build/cpu/pycaffe_tests.log 2>&1 || \
	  { tail -n 40 $(CURDIR)/build/cpu/pycaffe_tests.log; exit 1; }
	@tail -n 3 build/cpu/pycaffe_tests.log

# The tests of the CUDA build are test-cuda's.
.PHONY: test-python
test-python: build-tests
	PYTHONPATH=$(PYTHONPATH_IN_PLACE) PATH=$(CURDIR)/build/cpu/bin:$$PATH $(PYTHON) -m pytest tests \
	  --ignore=tests/cuda --durations=20

# Python and OpenMPI, which leak by design, are not in it.
.PHONY: test-asan
test-asan: build/asan/build.ninja ## our C++ tests under AddressSanitizer and UBSan
	cmake --build build/asan -j $(JOBS) --target two_stream_tests
	GLOG_minloglevel=2 ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 \
	  build/asan/bin/two_stream_tests --gtest_brief=1

CPP_FILES = $(shell git ls-files '*.cpp' '*.hpp' '*.cu')

.PHONY: lint
lint: .venv/requirements.txt ## clang-format and ruff
	clang-format --dry-run -Werror $(CPP_FILES)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

.PHONY: format
format: .venv/requirements.txt
	clang-format -i $(CPP_FILES)
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16
