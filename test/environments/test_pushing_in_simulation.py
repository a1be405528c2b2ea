"""Pushes in PyBullet: a box goes where it is pushed, as far as it is pushed."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.environments.open_loop_grasp import observe
from equigrasp.geometry.actions import Push
from equigrasp.geometry.transform import Transform
from equigrasp.perception.observation import Observation
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.push import PushPrimitive
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_START = 0.08  # [m] from the box's middle to where a push begins
_LENGTH = 0.10  # [m]
_FRONT = 0.012  # [m] from the TCP to the closed fingers' front


@pytest.fixture(scope="module", params=["ur5", "gantry"])
def simulation(request: pytest.FixtureRequest) -> Iterator[SimulatedCell]:
    with make_simulated_cell(request.param, seed=3) as made:
        yield made


@pytest.fixture(scope="module")
def primitive(simulation: SimulatedCell) -> PushPrimitive:
    return PushPrimitive(simulation.cell, OmplPlanner(simulation.cell))


def _gap(observation: Observation, push: Push) -> float:
    """Return the way [m] from the start of a push to where something rises above 1 cm."""
    ways = np.arange(0.0, push.length, 1e-3)
    points = np.stack(
        [push.x + ways * np.cos(push.direction), push.y + ways * np.sin(push.direction)], axis=-1
    )
    pixels = [observation.workspace.xy_to_pixel(x, y) for x, y in points.tolist()]
    heights = np.array([observation.heightmap[row, col] for row, col in pixels])
    return float(ways[np.argmax(heights > 0.01)])


@pytest.mark.slow
@pytest.mark.parametrize("direction", [0.0, 1.2, 2.6, -1.9])
def test_a_box_is_pushed_as_far_as_the_stroke_reaches(
    simulation: SimulatedCell, primitive: PushPrimitive, direction: float
) -> None:
    world, left = simulation.world, simulation.cell.config.workspaces[0]
    for thing in world.objects():
        world.remove_object(thing.handle)
    ahead = np.array([np.cos(direction), np.sin(direction)])
    middle = np.array([left.center_x, left.center_y]) - 0.02 * ahead
    world.place_object("box_0", Transform.from_rpy(np.array([*middle, 0.03]), np.zeros(3)))
    simulation.physics.sleep(0.5)
    before = world.objects()[0].pose.position
    start = before[:2] - _START * ahead
    push = Push(float(start[0]), float(start[1]), 0.015, direction, _LENGTH)
    gap = _gap(observe(simulation.cell, left), push) - _FRONT
    outcome = primitive.execute(push, left)
    way = (world.objects()[0].pose.position - before)[:2]
    assert outcome.length == pytest.approx(_LENGTH, abs=2e-3)
    assert not outcome.is_blocked and not outcome.is_contact
    assert way @ ahead == pytest.approx(_LENGTH - gap, abs=0.01)
    assert abs(way @ [-ahead[1], ahead[0]]) < 0.02
