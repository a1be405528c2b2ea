"""PyBullet implementations of the device contracts, worlds and object sets."""
