"""Train, evaluate and fuse two-stream ConvNets with Caffe."""
