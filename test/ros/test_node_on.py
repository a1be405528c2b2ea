"""What a test leaves in its ROS domain: nothing."""

import ast
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402
from graph import node_on, wait_for  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

pytestmark = pytest.mark.ros
FOLDER = Path(__file__).parent


def test_nothing_of_a_node_remains() -> None:
    domain = free_domain()
    with node_on(domain) as before:
        subscription = before.create_subscription(JointState, "/lbr/joint_states", print, 5)
    with node_on(domain) as after:
        after.create_subscription(JointState, "/joint_states", print, 5)
        wait_for(lambda: after.count_subscribers("/joint_states") == 1, 10.0, "its own")
        assert after.count_subscribers("/lbr/joint_states") == 0
    assert subscription.topic == "/lbr/joint_states"  # held until here


@pytest.mark.parametrize("path", sorted(FOLDER.glob("test_*.py")), ids=lambda p: p.stem)
def test_contexts_are_opened_in_one_place(path: Path) -> None:
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    assert not [c for c in calls if ast.unparse(c.func) == "Context"]
