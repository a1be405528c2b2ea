"""The camera that renders in a process of its own sees what the world's own camera sees."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.devices.calibrated_cell import load_camera
from equigrasp.devices.cell import ArmConfig
from equigrasp.errors import NotConnectedError
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.mirror_camera import MirrorCamera


@pytest.fixture
def simulation() -> Iterator[SimulatedCell]:
    with make_simulated_cell("ur5") as simulation:
        yield simulation


def test_both_cameras_see_the_same_as_things_come_move_and_go(
    simulation: SimulatedCell, arm_config: ArmConfig
) -> None:
    world, arm, own = simulation.world, simulation.cell.arm, simulation.cell.camera
    mirror = MirrorCamera(simulation, load_camera(simulation.cell.config), "household", 0)
    with pytest.raises(NotConnectedError):
        mirror.capture()
    assert isinstance(arm, BulletArm)

    def compare() -> np.ndarray:
        frame, wanted = mirror.capture(), own.capture()
        np.testing.assert_allclose(frame.depth, wanted.depth, atol=2e-4)
        assert np.mean(frame.color != wanted.color) < 0.01
        assert frame.stamp == wanted.stamp
        return frame.depth

    with mirror:
        assert mirror.model == own.model
        empty = compare()
        names = world.object_set.names("train")[:3]
        world.spawn_objects(names, simulation.cell.config.workspaces[0])
        full = compare()
        assert (np.abs(full - empty) > 0.01).sum() > 50
        world.remove_object(world.objects()[0].handle)
        arm.teleport(np.array(arm_config.home_positions) + 0.3)
        simulation.physics.sleep(0.2)
        compare()
    mirror.disconnect()  # twice is fine
