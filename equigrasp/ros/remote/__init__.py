"""Devices behind ROS, ours or a vendor's driver."""
