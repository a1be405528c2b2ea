"""The virtual cell on its real protocols, and the doctor that looks at it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from virtual_ur5 import NEEDS_UR_RTDE, own_address, urgent

from equigrasp.diagnosis.cell_doctor import CellToExamine, examine_cell
from equigrasp.hardware.realsense.library import import_realsense
from equigrasp.virtual.cell.virtual_cell import VirtualCell, VirtualCellConfig
from equigrasp.virtual.command_server import send_order

pytest.importorskip("rtde_receive", reason=NEEDS_UR_RTDE)
try:
    import_realsense()
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)
pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def cell() -> Iterator[VirtualCell]:
    config = VirtualCellConfig(host=own_address(5), num_objects=2)
    with urgent(VirtualCell(config)) as cell:
        yield cell


def problems(cell: VirtualCell) -> list[str]:
    """Return what the doctor finds to be wrong."""
    wanted = CellToExamine("ur5", cell.config.host, camera_source=cell.camera.source)
    return [f.what for f in examine_cell(wanted) if not f.is_ok]


def test_a_healthy_cell_has_nothing_to_mend(cell: VirtualCell) -> None:
    positions = cell.simulation.cell.arm.joint_state().positions
    assert problems(cell) == []
    assert abs(cell.simulation.cell.arm.joint_state().positions - positions).max() < 1e-3
    assert cell.firmware.num_activations == 0  # looking moves nothing


def test_orders_become_faults_that_the_doctor_names(cell: VirtualCell) -> None:
    def order(line: str) -> str:
        return send_order(cell.config.host, cell.orders.port, line)

    order("protective_stop")
    order("gripper_unplug")
    order("camera_unplug")
    found = problems(cell)
    assert [f.split(" at ")[0] for f in found] == [
        "safety mode PROTECTIVE_STOP", "gripper's URCap", "camera: No frame server",
    ]  # fmt: skip
    order("gripper_plug")
    order("camera_plug")
    unlock_time = cell.controller.state.timestamp + 5.0  # the controller unlocks no earlier
    while cell.controller.state.timestamp < unlock_time:
        time.sleep(0.01)
    order("unlock")
    assert problems(cell) == []
    assert len(json.loads(order("objects"))) == 2


def test_nothing_there_is_told_in_bounded_time_with_remedies(wall_clock: Any) -> None:
    host = own_address(6)
    wanted = CellToExamine("ur5", host, camera_source=f"tcp://{host}:1")
    with wall_clock.within(20.0):
        findings = [f for f in examine_cell(wanted) if not f.is_ok]
    assert len(findings) == 5 and all(f.remedy for f in findings)
