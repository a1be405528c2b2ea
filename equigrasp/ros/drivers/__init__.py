"""The nodes in front of devices, real or simulated."""
