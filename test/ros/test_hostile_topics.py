"""Topics on which somebody sends what nobody can read, or a time that is none."""

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("rclpy")

from equigrasp_interfaces.action import ExecuteGrasp, MoveHome  # noqa: E402
from lbr_cell import Cell, lbr_cell  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402
from unique_identifier_msgs.msg import UUID  # noqa: E402

from equigrasp.ros import names, qos  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(300)]

HEADER = b"\x00\x01\x00\x00"
BROKEN = [
    b"", b"\x00", HEADER, HEADER + b"\xff" * 40, HEADER + b"\x00" * 7, HEADER + b"\xff\xff\xff\x7f" * 3,
    HEADER + b"\x01\x00\x00\x00" * 30, HEADER + b"\x04\x00\x00\x00\xff\xfe\xfd\xfc" * 8,
]  # fmt: skip
TOPICS: list[tuple[Any, str]] = [
    (Image, names.DEPTH_IMAGE),
    (CameraInfo, names.CAMERA_INFO),
    (TFMessage, names.TF_STATIC),
    (JointState, "/lbr/joint_states"),
    (UUID, names.HEARTBEAT),
    (Clock, names.CLOCK),
]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    with lbr_cell(tmp_path_factory.mktemp("lbr"), {}) as cell:
        yield cell


def _check_alive(cell: Cell) -> None:
    """Have the executor look at the tray, and move."""
    grasp = cell.send(ExecuteGrasp, names.EXECUTE_GRASP, cell.grasp(0.5, 0.15, 0.3))
    motion = cell.result(grasp).motion
    home = cell.result(cell.send(MoveHome, names.MOVE_HOME, MoveHome.Goal()))
    assert motion.error_code == 0, f"{motion.error_msg}\n{cell.logs()}"
    assert home.motion.error_code == 0, home.motion.error_msg
    assert cell.executor.poll() is None, cell.logs()


def _publish(cell: Cell, publisher: Any, message: Any, duration: float) -> None:
    for _ in range(round(duration / 0.005)):
        publisher.publish(message)
        time.sleep(0.005)


@pytest.mark.parametrize(("kind", "name"), TOPICS, ids=[name for _, name in TOPICS])
def test_bytes_that_are_no_message_are_dropped(cell: Cell, kind: Any, name: str) -> None:
    latched = name == names.TF_STATIC
    publisher = cell.node.create_publisher(kind, name, qos.latched() if latched else 10)
    time.sleep(0.5)
    rng = random.Random(3)
    for data in [*BROKEN, *(HEADER + rng.randbytes(rng.randrange(200)) for _ in range(60))]:
        with suppress(RuntimeError):  # too many bytes for this type
            publisher.publish(data)
        time.sleep(0.005)
    cell.node.destroy_publisher(publisher)
    _check_alive(cell)


def test_a_negative_time_is_dropped(cell: Cell) -> None:
    publisher = cell.node.create_publisher(Clock, names.CLOCK, 10)
    message = Clock()
    message.clock.sec = -5
    _publish(cell, publisher, message, 0.5)
    cell.node.destroy_publisher(publisher)
    _check_alive(cell)


@pytest.mark.parametrize("jump", [1000, -100_000_000])
def test_a_clock_that_somebody_else_tells_is_outlived(cell: Cell, jump: int) -> None:
    publisher = cell.node.create_publisher(Clock, names.CLOCK, 10)
    message = Clock()
    message.clock.sec = cell.joint_states[-1].header.stamp.sec + jump
    _publish(cell, publisher, message, 3.0)
    cell.node.destroy_publisher(publisher)
    time.sleep(0.5)
    _check_alive(cell)
