"""A made-up scene, to see whether weights mean the same elsewhere."""

import numpy as np
import torch

from equigrasp.learning.cross_entropy_method import Candidates
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.perception.observation import GRIPPER
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    TCP,
    GripperStatus,
    pack_ages,
    pack_bounds,
    pack_heights,
)
from equigrasp.replay.step import Arrays

_MOTIONS = (
    (0.0, 0.0, -0.5, 0.0),
    (0.4, -0.2, 0.1, 0.3),
    (-0.3, 0.5, -0.2, -0.6),
    (0.0, 0.1, 0.8, 0.0),
)
_CHOICES = ((0, 0), (2, 0), (1, 0), (0, 1))


def probe_scene(config: QtOptConfig) -> tuple[Arrays, Candidates]:
    """Return an observation as steps hold it, two boxes off the middle, and four steps there, (1, 4)."""
    network, largest = config.network, np.array(config.action.largest_step)
    size = network.stored_px
    third, half = size // 3, size // 2
    heights, ages = np.zeros((size, size)), np.zeros((size, size))
    heights[third:half, third : 2 * third], heights[half : half + 2, 1:third] = 0.04, 0.06
    ages[:third] = 1.2
    scene = {HEIGHTS: pack_heights(heights), AGE: pack_ages(ages)}
    if network.observation == "color":
        color = np.zeros((*network.camera_px, 3), np.uint8)
        color[third:half, third : 2 * third] = 200, 120, 40
        scene = {PICTURE: color}
    told = {
        GRIPPER: GripperStatus(0.08, 0.06, False, False, 0.6).array,
        BOUNDS: pack_bounds(-largest, 0.5 * largest),
        TCP: np.zeros(4),
    }
    candidates = Candidates(torch.tensor([_MOTIONS]), torch.tensor([_CHOICES]))
    return scene | told, candidates
