"""What tools/gpu_check.sh runs: the checks that need a GPU, and their report."""
