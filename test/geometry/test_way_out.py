"""How far a stroke may go before it leaves the action square: the same in pixels and in metres."""

import math

import numpy as np
import pytest

from equigrasp.geometry.workspace import Workspace, way_out

DIRECTIONS = np.linspace(-math.pi, math.pi, 37)


def test_a_box_ends_where_its_nearest_wall_is() -> None:
    box = (0.0, 0.0), (4.0, 2.0)
    assert way_out((1.0, 1.0), (1.0, 0.0), *box) == 3.0
    assert way_out((1.0, 1.0), (-1.0, 0.0), *box) == 1.0
    assert way_out((1.0, 1.0), (0.6, 0.8), *box) == pytest.approx(1.25)
    assert way_out((5.0, 1.0), (1.0, 0.0), *box) == -1.0


@pytest.mark.parametrize("pixel", [(16, 16), (60, 80), (111, 16)])
def test_pixels_and_metres_agree(workspace: Workspace, pixel: tuple[int, int]) -> None:
    start = workspace.pixel_to_xy(*pixel)
    for direction in DIRECTIONS:
        ahead = math.cos(direction), math.sin(direction)
        in_metres = way_out(start, ahead, *workspace.action_bounds)
        assert workspace.way_out_px(pixel, ahead) * workspace.pixel_size == pytest.approx(
            in_metres
        )
        short, far = (
            [a + share * in_metres * w for a, w in zip(start, ahead, strict=True)]
            for share in (0.999, 1.001)
        )
        assert workspace.contains_xy(*short) and not workspace.contains_xy(*far)
