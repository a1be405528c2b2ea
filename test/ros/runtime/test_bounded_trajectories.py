"""However many points a goal has, few become Python objects."""

import pytest

pytest.importorskip("rclpy")

from control_msgs.action import FollowJointTrajectory  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.node import Node  # noqa: E402
from trajectory_msgs.msg import JointTrajectoryPoint  # noqa: E402

from equigrasp.ros.runtime import bounded_trajectories  # noqa: E402
from equigrasp.ros.runtime.action_client import ActionClient  # noqa: E402
from equigrasp.ros.runtime.action_server import ActionServer  # noqa: E402
from equigrasp.ros.runtime.bounded_trajectories import (  # noqa: E402
    bounded_follow_joint_trajectory,
)

pytestmark = pytest.mark.ros

JOINTS = ["a", "b"]


def _goal(number: int) -> FollowJointTrajectory.Goal:
    goal = FollowJointTrajectory.Goal()
    goal.trajectory.joint_names = JOINTS
    goal.trajectory.points = [
        JointTrajectoryPoint(positions=[0.5 * i, -1.0]) for i in range(number)
    ]
    goal.goal_time_tolerance.sec = 7
    return goal


def test_a_long_trajectory_is_cut_and_a_short_one_is_whole() -> None:
    """What follows the points in the message is there all the same."""
    taken: list[FollowJointTrajectory.Goal] = []

    def execute(handle: object) -> FollowJointTrajectory.Result:
        taken.append(handle.request)
        handle.succeed()
        return FollowJointTrajectory.Result(error_string="done")

    with ros(free_domain()):
        node, tester = Node("server"), Node("tester")
        ActionServer(node, bounded_follow_joint_trajectory(20), "follow", execute)
        client = ActionClient(tester, FollowJointTrajectory, "follow")
        with spinning(node, tester):
            wait_for(client.server_is_ready, 20.0, "the server")
            for number in (3, 20, 500, 0):
                sent = client.send_goal_async(_goal(number))
                wait_for(sent.done, 10.0, "the acceptance")
                result = sent.result().get_result_async()
                wait_for(result.done, 10.0, "the result")
                assert result.result().result.error_string == "done"
    assert [len(goal.trajectory.points) for goal in taken] == [3, 20, 20, 0]
    for goal in taken:
        assert goal.trajectory.joint_names == JOINTS and goal.goal_time_tolerance.sec == 7
    assert taken[2].trajectory.points[19].positions.tolist() == [9.5, -1.0]


def test_where_messages_are_laid_out_otherwise_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert bounded_follow_joint_trajectory(20) is not FollowJointTrajectory
    fields = bounded_trajectories._Request._fields_
    other = type("Other", (bounded_trajectories.ctypes.Structure,), {"_fields_": fields[1:]})
    monkeypatch.setattr(bounded_trajectories, "_Request", other)
    assert bounded_follow_joint_trajectory(20) is FollowJointTrajectory
