"""Running ``caffe train`` and reading what it says."""
