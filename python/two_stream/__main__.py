"""``python -m two_stream`` is the ``two-stream`` command."""

import sys

from two_stream.cli import main

sys.exit(main())
