"""Objects at rest sleep, and wake as soon as anything happens to them."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.geometry.transform import Transform
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.physics import TIME_STEP


@pytest.fixture
def simulation() -> Iterator[SimulatedCell]:
    with make_simulated_cell("ur5") as simulation:
        yield simulation


def place(simulation: SimulatedCell, name: str, height: float, dx: float = 0.0) -> int:
    """Let an object fall from a height above the floor of the first tray [m]."""
    tray = simulation.cell.config.workspaces[0]
    position = np.array([tray.center_x + dx, tray.center_y, tray.floor_z + height])
    return simulation.world.place_object(name, Transform.from_rpy(position, np.zeros(3)))


def position(simulation: SimulatedCell, handle: int) -> np.ndarray:
    return next(o for o in simulation.world.objects() if o.handle == handle).pose.position


def drift(simulation: SimulatedCell, duration: float) -> float:
    """Return how far any object moves in so many seconds [m]."""
    before = {o.handle: o.pose.position for o in simulation.world.objects()}
    simulation.physics.sleep(duration)
    return max(
        float(np.abs(o.pose.position - before[o.handle]).max()) for o in simulation.world.objects()
    )


def test_a_resting_pile_does_not_creep(simulation: SimulatedCell) -> None:
    world = simulation.world
    names = world.object_set.draw("train", 10, np.random.default_rng(5))
    world.spawn_objects(names, simulation.cell.config.workspaces[0])
    simulation.physics.sleep(2.0)
    assert drift(simulation, 1.0) < 1e-5


def test_what_hangs_in_the_air_never_sleeps(simulation: SimulatedCell) -> None:
    cube = place(simulation, "cube_0", 0.5)
    before = position(simulation, cube)[2]
    simulation.physics.sleep(0.2)
    assert before - position(simulation, cube)[2] == pytest.approx(0.5 * 9.81 * 0.2**2, rel=0.1)


@pytest.mark.parametrize("how", ["removed", "dropped elsewhere"])
def test_what_loses_its_support_falls(simulation: SimulatedCell, how: str) -> None:
    lower = place(simulation, "cube_0", 0.05)
    simulation.physics.sleep(1.5)
    upper = place(simulation, "cube_0", 0.1)
    simulation.physics.sleep(1.5)
    before = position(simulation, upper)[2]
    assert before - position(simulation, lower)[2] > 0.02 and drift(simulation, 0.5) < 1e-6
    if how == "removed":
        simulation.world.remove_object(lower)
    else:
        simulation.world.drop_object(lower, simulation.cell.config.workspaces[1])
    simulation.physics.sleep(0.5)
    assert before - position(simulation, upper)[2] > 0.02


def test_what_is_hit_wakes(simulation: SimulatedCell) -> None:
    still = place(simulation, "cube_0", 0.03, dx=0.06)
    simulation.physics.sleep(1.5)
    assert drift(simulation, 0.5) < 1e-6
    before, moving = position(simulation, still)[0], place(simulation, "cube_0", 0.03)
    for _ in range(round(0.5 / TIME_STEP)):
        simulation.physics.client.resetBaseVelocity(moving, [0.4, 0.0, 0.0], [0.0, 0.0, 0.0])
        simulation.physics.step()
    assert position(simulation, still)[0] - before > 0.02
