"""The fixes that today's libraries force on Caffe's sources, each with its reason.

A fix is a pattern, not Caffe's text. One whose pattern no longer matches stops
the build: it has become needless or wrong, and somebody must look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


class FixError(RuntimeError):
    """A fix no longer applies."""


@dataclass(frozen=True)
class Fix:
    """One change of Caffe's sources, made in the build tree's copy."""

    name: str
    reason: str
    files: tuple[str, ...]
    pattern: str  # a regular expression, re.M
    replacement: str


FIXES = (
    Fix(
        "protobuf-total-bytes-limit",
        "CodedInputStream::SetTotalBytesLimit takes one argument since protobuf 3.6; "
        "the second was a warning threshold",
        ("src/caffe/util/io.cpp",),
        r"(SetTotalBytesLimit\(\w+), \d+\)",
        r"\1)",
    ),
    Fix(
        "opencv4-legacy-names",
        "OpenCV 4 keeps the CV_LOAD_IMAGE_* names in a legacy header only",
        (
            "src/caffe/util/io.cpp",
            "src/caffe/layers/window_data_layer.cpp",
            "src/caffe/test/test_io.cpp",
        ),
        r"\A(?=[\s\S]*\bCV_LOAD_IMAGE_)",
        "#ifdef USE_OPENCV\n"
        "#include <opencv2/imgcodecs/legacy/constants_c.h>\n"
        "#endif\n",
    ),
    Fix(
        "deconvolution-test-tolerance",
        "the test compares two orders of float summation exactly, which newer BLAS "
        "libraries don't promise; Debian patches it the same way",
        ("src/caffe/test/test_deconvolution_layer.cpp",),
        r"EXPECT_EQ(?=\((?:backward_)?result_2d\.cpu_(?:data|diff)\(\)\[i\])",
        "EXPECT_FLOAT_EQ",
    ),
    Fix(
        "cuda13-device-properties",
        "cudaDeviceProp lost clockRate, deviceOverlap and kernelExecTimeoutEnabled in "
        "CUDA 13; the report of device_query does without them",
        ("src/caffe/common.cpp",),
        r"^ +LOG\(INFO\) << \"[^\"]*\"\s*<< \(?prop\."
        r"(?:clockRate|deviceOverlap|kernelExecTimeoutEnabled)[^;]*;\n",
        "",
    ),
    Fix(
        "cuda13-device-properties-test",
        "as above, in the test that prints the device's properties",
        ("src/caffe/test/test_platform.cpp",),
        r"^ +printf\(\"[^\"]*\",\s*\(?CAFFE_TEST_CUDA_PROP\."
        r"(?:clockRate|deviceOverlap|kernelExecTimeoutEnabled)[^;]*;\n",
        "",
    ),
    Fix(
        "cudnn9-convolution",
        "cuDNN 8 removed the calls that the cuDNN (de)convolutions choose algorithms "
        "by; they are left out of the build, and caffe_ext/cudnn registers ours",
        ("src/caffe/layer_factory.cpp",),
        r"\bnew CuDNN(Convolution|Deconvolution)Layer\b",
        r"new \1Layer",
    ),
    Fix(
        "cudnn9-convolution-test",
        "as above; Caffe's tests of its cuDNN convolution test ours",
        ("src/caffe/test/test_convolution_layer.cpp",),
        r"^#include \"caffe/layers/cudnn_conv_layer\.hpp\"\n",
        '#include "caffe_ext/cudnn/convolution_layer.hpp"\n'
        "namespace caffe {\n"
        "template <typename T>\n"
        "using CuDNNConvolutionLayer = two_stream::CudnnConvolutionLayer<T>;\n"
        "}  // namespace caffe\n",
    ),
    Fix(
        "cudnn9-deconvolution-test",
        "as above; the plain Deconvolution has the same tests of its own",
        ("src/caffe/test/test_deconvolution_layer.cpp",),
        r"^#ifdef USE_CUDNN$",
        "#if 0",
    ),
    Fix(
        "cudnn-on-gpu-only",
        "layers made for cuDNN take a handle when set up, which needs a GPU, so that "
        "a build with cuDNN could not run any net on a machine without one",
        ("src/caffe/layer_factory.cpp",),
        r"\bengine = (\w+_Engine_)CUDNN;",
        r"engine = Caffe::mode() == Caffe::GPU ? \1CUDNN : \1CAFFE;",
    ),
    Fix(
        "quiet-without-gpu",
        "that cuBLAS and cuRAND can't be used is an error where there is a GPU, and no "
        "news where there is none",
        ("src/caffe/common.cpp",),
        r"LOG\(ERROR\)(?=\s*<<\s*\"(?:Cannot create Cu|Curand not available))",
        "LOG_IF(ERROR, [] { int n = 0; return cudaGetDeviceCount(&n) == cudaSuccess && "
        "n > 0; }())",
    ),
)


def apply(fixes: tuple[Fix, ...], files: dict[str, str]) -> list[Fix]:
    """Applies each fix to ``files`` (relative path -> text), in place.

    Returns the fixes applied. Raises FixError, naming fix and file, if a pattern
    doesn't match.
    """
    for fix in fixes:
        for name in fix.files:
            if name not in files:
                raise FixError(f"fix {fix.name}: Caffe has no file {name}")
            text, count = re.subn(fix.pattern, fix.replacement, files[name], flags=re.M)
            if count == 0:
                raise FixError(
                    f"fix {fix.name} no longer applies to {name}: see {Path(__file__)}"
                )
            files[name] = text
    return list(fixes)
