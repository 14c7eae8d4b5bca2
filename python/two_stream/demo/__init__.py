"""The demo: real footage, a made-up camera, and two streams that need each other.

Four shots of real footage are filmed by a virtual camera that tilts or zooms. A
class is scene x camera motion, so a single frame can tell the scene but not the
motion, and flow the motion but hardly the scene. Video files, frames and flow,
lists, training, testing and fusion are the pipeline that any data set takes.
"""
