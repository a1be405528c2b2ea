"""The one place where librealsense is imported."""

import contextlib
import ctypes
import importlib.util
from pathlib import Path
from typing import Any


def import_realsense() -> Any:
    """Return the module `pyrealsense2`; raise `ImportError` that says what to install."""
    _load_libusb()
    try:
        import pyrealsense2
    except ImportError as error:
        raise ImportError(
            f"pyrealsense2 cannot be imported ({error}):"
            " pip install pyrealsense2==2.59.1.11053 libusb-package==1.0.30.0"
        ) from error
    return pyrealsense2


def _load_libusb() -> None:
    """Load the libusb of `libusb-package`, where that is installed.

    The wheel of pyrealsense2 links to the system's libusb, which bare machines lack. One that is
    loaded already is taken in its place, because both have the same soname.
    """
    package = importlib.util.find_spec("libusb_package")
    if package is not None and package.origin is not None:
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(Path(package.origin).with_name("libusb-1.0.so")), ctypes.RTLD_GLOBAL)
