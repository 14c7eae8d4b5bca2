"""Scores of videos by pycaffe, in several processes."""
