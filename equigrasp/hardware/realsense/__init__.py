"""RealSense cameras through librealsense: a camera on USB, a recording, or frames over TCP.

`source` and its kin give librealsense a device, `pipeline` streams and aligns it, `camera` keeps
it running and gives out frames in SI units.
"""
