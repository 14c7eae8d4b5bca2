"""Net and weight files: reading, comparing, initialising."""
