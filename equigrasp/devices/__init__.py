"""Contracts of arm, gripper, camera and world, their limits, fakes and registry."""
