"""python -m two_stream_prep"""

import sys

from two_stream_prep.cli import main

if __name__ == "__main__":
    sys.exit(main())
