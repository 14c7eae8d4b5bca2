"""Sub-commands of ``two-stream``, one module each (see two_stream.cli)."""
