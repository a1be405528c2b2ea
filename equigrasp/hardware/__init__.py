"""Drivers of real devices: bytes, the device's own integers, SI units; one folder a device."""
