#!/bin/sh
# Installs what the build needs: Debian packages (as root, or through sudo) and
# the Python packages of requirements.txt into .venv. Safe to run again.
set -eu
cd "$(dirname "$0")/.."

packages="build-essential make cmake ninja-build ccache git ca-certificates
  protobuf-compiler libprotobuf-dev libgoogle-glog-dev libgflags-dev libhdf5-dev
  libopenblas-dev liblmdb-dev libleveldb-dev libsnappy-dev
  libboost-system-dev libboost-filesystem-dev libboost-thread-dev
  libboost-python-dev libopencv-core-dev libopencv-imgproc-dev
  libopencv-imgcodecs-dev libopencv-highgui-dev libopencv-videoio-dev
  libopenmpi-dev openmpi-bin libgtest-dev clang-format graphviz
  python3 python3-dev python3-venv"

missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
    missing="$missing $package"
done
if [ -n "$missing" ]; then
  root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
      echo "error: as root, run: apt-get install$missing" >&2
      exit 1
    }
    root=sudo
  fi
  echo "installing:$missing"
  $root apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq \
    --no-install-recommends $missing >/dev/null
fi

# Boost.Python belongs to the distribution's own python3, not to one that a
# version manager put before it on PATH.
python=${PYTHON:-/usr/bin/python3}
[ -x .venv/bin/python ] || "$python" -m venv .venv
if ! cmp -s requirements.txt .venv/requirements.txt; then
  .venv/bin/pip install -q --disable-pip-version-check -r requirements.txt
  cp requirements.txt .venv/requirements.txt
fi
echo "ready: make build, make demo, make test"
