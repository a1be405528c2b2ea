"""escnn without its dependency for SO(3), and without SciPy's statistics until they are used."""

import subprocess
import sys

PROGRAM = """
import importlib.util as util
import sys
find_spec = util.find_spec
util.find_spec = lambda name, *rest: None if name == "lie_learn" else find_spec(name, *rest)
from equigrasp.networks.steerable_blocks import dihedral
print(len(dihedral(4).fibergroup.elements))
from lie_learn.representations.SO3.wigner_d import wigner_D_matrix
try:
    wigner_D_matrix(1, 0.0, 0.0, 0.0)
except ImportError as error:
    print(error)
print("scipy.stats._distn_infrastructure" in sys.modules)
import scipy.stats
print(scipy.stats.norm.cdf(0.0))
"""


def test_the_plane_needs_neither_lie_learn_nor_statistics() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "8",
        "Representations of SO(3) need lie-learn, which equigrasp does not install.",
        "False",
        "0.5",
    ]
