"""Where an object is put down."""

from dataclasses import dataclass

import numpy as np

from equigrasp.geometry.workspace import Workspace


@dataclass(frozen=True)
class PlaceTarget:
    """Where to let an object go: over (`x`, `y`) of a workspace [m] with yaw `theta` [rad]."""

    workspace: Workspace
    x: float
    y: float
    theta: float


def sample_place(workspace: Workspace, spread: float, rng: np.random.Generator) -> PlaceTarget:
    """Draw a drop place about a workspace's centre, normal with deviation `spread` [m].

    The draw is held to two thirds of the action square (± 0.125 m) so that
    nothing lands beside the tray.
    """
    half = workspace.action_size_px * workspace.pixel_size / 3.0
    dx, dy = np.clip(rng.normal(0.0, spread, 2), -half, half)
    theta = float(rng.uniform(0.0, np.pi))
    return PlaceTarget(workspace, workspace.center_x + dx, workspace.center_y + dy, theta)
