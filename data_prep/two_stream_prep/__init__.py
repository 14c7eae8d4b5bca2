"""Video files to frames, optical flow, lists and databases."""
