"""An open table in simulation: clutter, who is seen where, grasps from the same state."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.errors import ConfigError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.perception.observation import LABELS
from equigrasp.planning.fixed_bodies import fixed_bodies
from equigrasp.simulation.clutter import Clutter
from equigrasp.simulation.fast_hand import FastHand
from equigrasp.simulation.label_camera import LabelCamera
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulatedCell]:
    with make_simulated_cell("gantry", seed=1) as made:
        yield made


def _camera(simulation: SimulatedCell) -> LabelCamera:
    return LabelCamera(simulation.cell.camera, simulation.world)  # type: ignore[arg-type]


def test_clutter_comes_to_rest_on_the_table(simulation: SimulatedCell) -> None:
    clutter, world = Clutter(simulation), simulation.world
    names = world.object_set.draw("train", 8, np.random.default_rng(0))
    clutter.drop(names, 0.08, 7)
    first = np.array([o.pose.position for o in world.objects()])
    assert [o.name for o in world.objects()] == names
    assert len(world.object_names_in(clutter.workspace)) == 8
    clutter.drop(names, 0.08, 7)
    assert np.array_equal(first, [o.pose.position for o in world.objects()])
    clutter.drop(names, 0.08, 8)
    assert not np.array_equal(first, [o.pose.position for o in world.objects()])


def test_an_open_workspace_has_no_walls(simulation: SimulatedCell) -> None:
    config = simulation.cell.config
    assert [w.name for w in config.trays] == ["bin"]
    assert not any("tray table" in body.name for body in fixed_bodies(config))
    with (
        make_simulated_cell("ur5") as trays,
        pytest.raises(ConfigError, match="no open workspace"),
    ):
        Clutter(trays)


def test_labels_are_of_what_is_seen(simulation: SimulatedCell) -> None:
    world, table = simulation.world, simulation.cell.config.workspace("table")
    world.reset(0)
    low = world.place_object("cube_0", _at(table.center_x - 0.08, table.center_y, 0.03))
    high = world.place_object("can_0", _at(table.center_x + 0.08, table.center_y + 0.05, 0.05))
    simulation.physics.sleep(0.5)
    observation, handles = _camera(simulation).look(table)
    labels, heights = observation.arrays[LABELS], observation.heightmap
    assert handles == {1: low, 2: high}
    for label, handle in handles.items():
        (thing,) = (o for o in world.objects() if o.handle == handle)
        row, col = table.xy_to_pixel(*thing.pose.position[:2])
        assert labels[row, col] == label
        assert (heights[labels == label] > 0.01).mean() > 0.8
        # The visible part is the object's middle, not its shadow.
        middle = np.argwhere(labels == label).mean(axis=0)
        assert np.abs(middle - [row, col]).max() < 4.0
    assert heights[labels == 0].max() < 0.02


def test_grasps_from_a_kept_state_repeat_bit_by_bit_in_any_order(
    simulation: SimulatedCell,
) -> None:
    clutter, world, fast = Clutter(simulation), simulation.world, FastHand(simulation)
    names = world.object_set.draw("train", 6, np.random.default_rng(3))
    clutter.drop(names, 0.06, 3)
    places = [o.pose.position for o in world.objects()]
    kept = world.snapshot()
    runs = []
    for order in (range(6), reversed(range(6))):
        ends = {}
        for i in order:
            world.restore(kept)
            x, y, _ = places[i]
            grasp = PlanarGrasp(float(x), float(y), 0.012, 0.5 * i, 0.085)
            held = fast.grasp(grasp, 0.15)
            ends[i] = held, np.array([o.pose.position for o in world.objects()])
        runs.append([ends[i] for i in range(6)])
    for (held, poses), (held_again, poses_again) in zip(*runs, strict=True):
        assert held == held_again and np.array_equal(poses, poses_again)
    assert any(held for held, _ in runs[0])
    world.forget(kept)


def test_a_lone_bar_is_held_across_and_not_along(simulation: SimulatedCell) -> None:
    world, table = simulation.world, simulation.cell.config.workspace("table")
    fast = FastHand(simulation)
    held = {}
    for theta in (0.0, np.pi / 2):  # the bar's long side lies along base y
        world.reset(0)
        handle = world.place_object("bar_0", _at(table.center_x, table.center_y, 0.02))
        simulation.physics.sleep(0.5)
        grasp = PlanarGrasp(table.center_x, table.center_y, 0.012, theta, 0.085)
        held[theta] = fast.grasp(grasp, 0.04)
        assert held[theta] in ((), (handle,))
    assert held[0.0] and not held[np.pi / 2]


def test_what_is_held_still_does_not_move_and_then_moves_again(simulation: SimulatedCell) -> None:
    world, table = simulation.world, simulation.cell.config.workspace("table")
    world.reset(0)
    handle = world.place_object("cube_0", _at(table.center_x, table.center_y, 0.20))
    with world.held_still([handle]):
        simulation.physics.sleep(0.3)
        assert world.objects()[0].pose.position[2] == pytest.approx(0.20)
    simulation.physics.sleep(0.5)
    assert world.objects()[0].pose.position[2] < 0.05
    assert world.objects_beyond(table.center_x, table.center_y, 0.1) == []
    assert world.objects_beyond(table.center_x + 0.2, table.center_y, 0.1) == [handle]


def _at(x: float, y: float, z: float) -> Transform:
    return Transform.from_rpy(np.array([x, y, z]), np.zeros(3))
