"""The pixel grid."""

import pytest

from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace


def test_every_pixel_returns_from_its_position(workspace: Workspace) -> None:
    size = workspace.heightmap_size_px
    for row in range(size):
        for col in range(size):
            assert workspace.xy_to_pixel(*workspace.pixel_to_xy(row, col)) == (row, col)


def test_rows_grow_with_x_and_columns_with_y(workspace: Workspace) -> None:
    x0, y0 = workspace.pixel_to_xy(10, 20)
    x1, y1 = workspace.pixel_to_xy(11, 21)
    assert x1 - x0 == pytest.approx(workspace.pixel_size)
    assert y1 - y0 == pytest.approx(workspace.pixel_size)


def test_the_action_square_is_the_central_one(workspace: Workspace) -> None:
    assert workspace.contains_pixel(16, 16) and workspace.contains_pixel(111, 111)
    assert not workspace.contains_pixel(15, 60) and not workspace.contains_pixel(60, 112)
    assert workspace.contains_xy(*workspace.pixel_to_xy(16, 111))
    assert not workspace.contains_xy(*workspace.pixel_to_xy(15, 60))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pixel_size", 0.0),
        ("ceiling_z", -1.0),
        ("action_size_px", 200),
        ("center_x", float("nan")),
    ],
)
def test_a_bad_workspace_names_the_key(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=key.split("_px")[0]):
        Workspace(**{"name": "a", "center_x": 0.0, "center_y": 0.0, key: value})  # type: ignore[arg-type]
