"""The driver grasps through the virtual gripper with the simulated fingers behind it."""

import threading
import time
from collections.abc import Iterator

import pytest

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.motion import MotionState
from equigrasp.hardware.robotiq.gripper import RobotiqGripper
from equigrasp.hardware.robotiq.make import make_link
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer


@pytest.fixture
def running() -> Iterator[SimulatedCell]:
    """A simulated cell whose time passes in a thread."""
    with make_simulated_cell("ur5") as simulation:
        is_over = threading.Event()

        def step() -> None:
            while not is_over.is_set():
                simulation.physics.step()
                is_over.wait(0.0005)

        thread = threading.Thread(target=step)
        thread.start()
        yield simulation
        is_over.set()
        thread.join()


def test_the_driver_moves_simulated_fingers(
    running: SimulatedCell, gripper_config: GripperConfig
) -> None:
    firmware = VirtualRobotiq(running.cell.gripper)
    with VirtualUrcapServer(firmware) as server:
        config = server.driver_config()
        with RobotiqGripper(gripper_config, config, make_link(config)) as driver:
            driver.start_move(0.05, 0.15, 40.0)
            while driver.motion_status().is_active:
                time.sleep(0.005)
            assert driver.motion_status().state is MotionState.SUCCEEDED
            assert driver.state().width == pytest.approx(0.05, abs=0.002)
            assert running.cell.gripper.state().width == pytest.approx(0.05, abs=0.002)
