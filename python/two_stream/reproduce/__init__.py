"""One command from a dataset's video files to the paper's table.

``run`` goes through the steps, ``state`` remembers which are done, ``dataset``
knows the layouts, ``steps`` calls the driver, ``results`` and ``page`` tell what
came out, beside ``paper``'s numbers.
"""
