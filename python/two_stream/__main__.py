"""``python -m two_stream`` is the ``two-stream`` command."""

import sys

from two_stream.cli import main

if __name__ == "__main__":
    sys.exit(main())
