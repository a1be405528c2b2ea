"""Fetching one object in simulation: pushes, one grasp, and what it says of both."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from equigrasp.environments.target_episode import TargetEpisode
from equigrasp.errors import ConfigError, DeviceError, PerceptionError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.transform import Transform
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import TARGET
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.push import PushPrimitive
from equigrasp.primitives.push_planner import clipped
from equigrasp.simulation.label_camera import LabelCamera
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.object_sets.blocks import BLOCK_HEIGHT
from equigrasp.simulation.tight_layouts import LAYOUTS, place_layout


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulatedCell]:
    with make_simulated_cell("gantry", object_set="blocks", seed=2) as made:
        yield made


@pytest.fixture(scope="module")
def table(simulation: SimulatedCell) -> Workspace:
    return simulation.cell.config.workspace("table")


@pytest.fixture(scope="module")
def episode(simulation: SimulatedCell, table: Workspace) -> TargetEpisode:
    camera = LabelCamera(simulation.cell.camera, simulation.world)  # type: ignore[arg-type]
    planner = OmplPlanner(simulation.cell)
    look = partial(camera.look, table)
    return TargetEpisode(simulation.cell, simulation.world, planner, table, look)


def _two_blocks(simulation: SimulatedCell, table: Workspace) -> list[int]:
    """Lay out two blocks 12 cm apart along base x."""
    simulation.world.reset(0)
    handles = []
    for offset in (-0.06, 0.06):
        place = np.array([table.center_x + offset, table.center_y, BLOCK_HEIGHT / 2 + 0.001])
        pose = Transform.from_rpy(place, np.zeros(3))
        handles.append(simulation.world.place_object("block_45", pose))
    simulation.physics.sleep(0.5)
    return handles


def _grasp(table: Workspace, offset: float) -> PlanarGrasp:
    return PlanarGrasp(table.center_x + offset, table.center_y, 0.012, np.pi / 2, 0.085)


def test_the_target_counts_and_not_its_neighbour(
    simulation: SimulatedCell, table: Workspace, episode: TargetEpisode
) -> None:
    _two_blocks(simulation, table)
    state = simulation.world.snapshot()
    for offset, is_target in ((0.06, True), (-0.06, False)):
        simulation.world.restore(state)
        episode.begin(2)
        seen = episode.observe()
        assert 150 < int(seen.goal[TARGET].sum()) < 260  # 45 mm square
        step = episode.step(_grasp(table, offset))
        assert step.is_taken is is_target and step.reward == float(is_target)
        assert step.outcome.is_success and episode.is_over  # something is held either way
    with pytest.raises(PerceptionError, match="has ended"):
        episode.step(_grasp(table, 0.06))
    simulation.world.restore(state)
    with pytest.raises(PerceptionError, match="No object has label 3. Labels: 1, 2"):
        episode.begin(3)


def test_a_push_is_seen_and_a_lost_target_ends_the_episode(
    simulation: SimulatedCell, table: Workspace, episode: TargetEpisode
) -> None:
    _two_blocks(simulation, table)
    episode.begin(2)
    before = np.argwhere(episode.observe().goal[TARGET]).mean(axis=0)
    push = Push(table.center_x + 0.06, table.center_y - 0.06, 0.015, np.pi / 2, 0.10)
    step = episode.step(push)
    after = np.argwhere(episode.observe().goal[TARGET]).mean(axis=0)
    assert not episode.is_over and not step.is_lost and step.discount == 1.0
    way = (after - before) * table.pixel_size
    assert way[1] == pytest.approx(0.075, abs=0.012) and abs(way[0]) < 0.01
    simulation.world.remove_object(simulation.world.objects()[1].handle)
    step = episode.step(clipped(push, table, simulation.cell.config.safety.box))
    assert step.is_lost and episode.is_over and step.reward == 0.0


@pytest.mark.parametrize("case", range(1, 9))
def test_layouts_have_the_neighbours_that_they_name(
    simulation: SimulatedCell, table: Workspace, case: int
) -> None:
    target = place_layout(simulation, table, case, np.random.default_rng(case))
    objects = simulation.world.objects()
    assert objects[0].handle == target and len(objects) == 1 + len(LAYOUTS[case - 1])
    middle = objects[0].pose.position
    assert np.abs(middle[:2] - [table.center_x, table.center_y]).max() < 2e-3
    distances = sorted(float(np.linalg.norm(o.pose.position - middle)) for o in objects[1:])
    straight = sum(len(name) == 1 for name in LAYOUTS[case - 1])
    for k, distance in enumerate(distances):
        expected = 0.0455 if k < straight else 0.0455 * np.sqrt(2)
        assert distance == pytest.approx(expected, abs=2e-3)


def test_a_layout_that_is_none_is_refused(simulation: SimulatedCell, table: Workspace) -> None:
    with pytest.raises(ConfigError, match="no tight layout 9"):
        place_layout(simulation, table, 9, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="Unknown block 'brick'"):
        place_layout(simulation, table, 1, np.random.default_rng(0), "brick")


def test_after_a_push_that_failed_the_arm_is_home_and_the_scene_seen_anew(
    simulation: SimulatedCell,
    table: Workspace,
    episode: TargetEpisode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _two_blocks(simulation, table)
    episode.begin(2)
    before = np.argwhere(episode.observe().goal[TARGET]).mean(axis=0)
    push = Push(table.center_x + 0.06, table.center_y - 0.06, 0.015, np.pi / 2, 0.10)

    def fail(*_: object) -> None:
        raise DeviceError("The arm stopped.")

    with monkeypatch.context() as patched:
        patched.setattr(PushPrimitive, "_rise", fail)
        with pytest.raises(DeviceError, match="stopped"):
            episode.step(push)
    seen = np.argwhere(episode.observe().goal[TARGET]).mean(axis=0)
    assert (seen == before).all()
    episode.recover(push)
    cell = simulation.cell
    assert np.abs(cell.arm.joint_state().positions - cell.arm_config.home_positions).max() < 0.01
    after = np.argwhere(episode.observe().goal[TARGET]).mean(axis=0)
    assert (after - before)[1] * table.pixel_size > 0.05 and not episode.is_over
    simulation.world.remove_object(simulation.world.objects()[1].handle)
    episode.recover(push)
    assert episode.is_over
