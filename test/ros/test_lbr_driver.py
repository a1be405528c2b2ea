"""The executor in front of an iiwa's own driver: other names, other manners."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from equigrasp_interfaces.action import ExecuteGrasp, MoveHome  # noqa: E402
from equigrasp_interfaces.msg import MotionResult  # noqa: E402
from equigrasp_interfaces.srv import SpawnObjects  # noqa: E402
from graph import wait_for  # noqa: E402
from lbr_cell import Cell, lbr_cell, top_speed  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402

from equigrasp.ros import names  # noqa: E402

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    with lbr_cell(tmp_path_factory.mktemp("lbr"), {}) as cell:
        yield cell


def _is_there(position: Any) -> bool:
    """Tell whether an object lies in the tray that is picked from."""
    return bool(abs(position.x - 0.56) < 0.15 and abs(position.y - 0.21) < 0.15)


def test_objects_are_picked_through_the_vendors_controller_and_missed_in_the_picture(
    cell: Cell,
) -> None:
    request = SpawnObjects.Request(workspace="left", num_objects=3, split="train", seed=2)
    assert cell.call(SpawnObjects, names.SPAWN_OBJECTS, request).error_code == 0
    results = []
    for attempt in range(6):
        inside = [p for p in cell.objects() if abs(p.x - 0.56) < 0.12 and abs(p.y - 0.21) < 0.12]
        if not inside:
            break
        target, before = max(inside, key=lambda p: p.z), sum(map(_is_there, cell.objects()))
        goal = cell.grasp(target.x, target.y, attempt * np.pi / 3)
        results.append(cell.result(cell.send(ExecuteGrasp, names.EXECUTE_GRASP, goal)))
        assert results[-1].motion.error_code == 0, results[-1].motion.error_msg
        # What a picture can tell is that something has left the tray, be it by a knock.
        assert results[-1].is_success == (sum(map(_is_there, cell.objects())) < before)
    assert any(r.is_success for r in results), cell.logs()


def test_a_cancel_ends_with_the_arm_at_rest_and_the_next_goal_is_taken(cell: Cell) -> None:
    handle = cell.begin_grasp()
    handle.cancel_goal_async()
    assert cell.result(handle).motion.error_code == MotionResult.CANCELLED
    time.sleep(0.1)
    heard = len(cell.joint_states)
    wait_for(lambda: len(cell.joint_states) > heard + 20, 20.0, "joint states")
    assert top_speed(cell.joint_states[heard:]) < 0.1
    home = cell.result(cell.send(MoveHome, names.MOVE_HOME, MoveHome.Goal()))
    assert home.motion.error_code == 0, home.motion.error_msg


def test_a_silent_camera_is_told_and_nothing_moves(cell: Cell) -> None:
    def lead(transition: int) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        assert cell.call(ChangeState, "camera/change_state", request).success

    lead(Transition.TRANSITION_DEACTIVATE)
    time.sleep(0.5)
    heard = len(cell.joint_states)
    handle = cell.send(ExecuteGrasp, names.EXECUTE_GRASP, cell.grasp(0.5, 0.15, 0.3))
    result = cell.result(handle)
    assert result.motion.error_code == MotionResult.CAMERA_FAILED, result.motion.error_msg
    assert (
        not result.is_success
        and "No new message on 'depth/image_rect_raw'" in result.motion.error_msg
    )
    assert top_speed(cell.joint_states[heard:]) < 0.05
    lead(Transition.TRANSITION_ACTIVATE)
