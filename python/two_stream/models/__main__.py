"""``python -m two_stream.models``: writes the files in ``models/`` anew."""

from __future__ import annotations

import sys

from two_stream.models.write import write_shipped

if __name__ == "__main__":
    for path in write_shipped(*sys.argv[1:2]):
        print(path)
