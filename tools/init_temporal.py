#!/usr/bin/env python3
"""Starts a temporal net from an RGB model; `two-stream init-temporal` is the same."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "python"), str(CHECKOUT / "data_prep")]

from two_stream.cli import main  # noqa: E402

sys.exit(main(["init-temporal", *sys.argv[1:]]))
