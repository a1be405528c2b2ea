"""Clutter by its name is dropped over the square of the tables, where these have the number of objects."""

from types import SimpleNamespace
from typing import Any

import pytest

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.simulation import layouts
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.clutter_spreads import clutter_spreads


@pytest.mark.parametrize("count", [10, 25, 3])
def test_clutter_is_dropped_over_the_square_of_the_tables(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, dropped = load_cell("gantry"), []
    drop = SimpleNamespace(drop=lambda names, spread, seed: dropped.append(spread))
    monkeypatch.setattr(layouts, "Clutter", lambda simulation: drop)
    objects = SimpleNamespace(draw=lambda split, number, rng: ["block"] * number)
    world = SimpleNamespace(object_set=objects)
    simulation: Any = SimpleNamespace(world=world, cell=SimpleNamespace(config=cell))
    table = open_workspace(cell)
    names = layouts.lay_out(simulation, table, layouts.CLUTTER, None, "test", count, 0)
    assert len(names) == count and dropped == [clutter_spreads().get(count, 0.12)]
