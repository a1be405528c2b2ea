"""A RealSense that exists on the wire only: frames of any `Camera` device over loopback TCP.

The driver's source `tcp://…` feeds them into librealsense's software device.
"""
