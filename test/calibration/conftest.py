"""Calibration tests import `rig.py` from their own folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rig import BOARD

from equigrasp.calibration.detection import BoardDetector


@pytest.fixture(scope="session")
def detector() -> BoardDetector:
    """Finds the rig's board."""
    return BoardDetector(BOARD)
