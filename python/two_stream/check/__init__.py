"""The preflight: list, disk and net in one pass."""
