"""Point the CMake files of the ROS wheels at this interpreter.

The wheels' `share/*/cmake` files name include folders of the machine they were built on
(`/opt/python/cpXY-cpXY/include/pythonX.Y` and NumPy's below its site-packages). Run with the
environment's own Python, before `colcon build`; running it twice changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

_PYTHON_INCLUDE = re.compile(r"/opt/python/[\w.-]+/include/python[\d.]+")
# NumPy's also as an earlier run named it: NumPy 2 has its headers in another folder.
_NUMPY_INCLUDE = re.compile(
    rf"(?:/opt/python/[\w.-]+|{re.escape(sys.prefix)})/lib/python[\d.]+/site-packages/numpy/_?core/include"
)


def main() -> int:
    """Patch every CMake file below the environment's share folder; return 0."""
    count = 0
    for path in Path(sys.prefix, "share").rglob("*.cmake"):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        patched = _NUMPY_INCLUDE.sub(numpy.get_include(), text)
        patched = _PYTHON_INCLUDE.sub(sysconfig.get_path("include"), patched)
        if patched != text:
            path.write_text(patched, encoding="utf-8", errors="surrogateescape")
            count += 1
    sys.stdout.write(f"patched {count} CMake files of the ROS wheels\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
