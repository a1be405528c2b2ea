"""escnn without its dependency for SO(3)."""

import subprocess
import sys

PROGRAM = """
import importlib.util as util
find_spec = util.find_spec
util.find_spec = lambda name, *rest: None if name == "lie_learn" else find_spec(name, *rest)
from equigrasp.networks.steerable_blocks import dihedral
print(len(dihedral(4).fibergroup.elements))
from lie_learn.representations.SO3.wigner_d import wigner_D_matrix
try:
    wigner_D_matrix(1, 0.0, 0.0, 0.0)
except ImportError as error:
    print(error)
"""


def test_the_plane_needs_no_lie_learn_and_so3_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "8",
        "Representations of SO(3) need lie-learn, which equigrasp does not install.",
    ]
