"""escnn, imported without its optional packages, and with bases that no machine changes."""

import warnings

from equigrasp.networks.clebsch_gordan import make_signs_canonical
from equigrasp.networks.escnn_import import postpone_statistics, stand_in_for_lie_learn

stand_in_for_lie_learn()
postpone_statistics()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # escnn warns of an optional package that SE(2) never needs
    from escnn import gspaces
    from escnn import nn as enn
make_signs_canonical()

__all__ = ["enn", "gspaces"]
