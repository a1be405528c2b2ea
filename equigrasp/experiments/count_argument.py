"""A command's argument that counts something."""

import argparse


def count(text: str) -> int:
    """Return a number given on the command line.

    Raises:
        argparse.ArgumentTypeError: if it is below 1.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {value}")
    return value
