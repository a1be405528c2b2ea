"""Robotiq 2F-85 over the URCap's socket server or Modbus RTU.

Bytes: `urcap_link`, `modbus_link`. Protocol, in counts: `registers`, `faults`, `protocol`.
SI units: `scale`, `gripper`. Put together by `make`.
"""
