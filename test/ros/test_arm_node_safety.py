"""What the arm node refuses, stops and waits for, over DDS, in front of a fake arm."""

import contextlib
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus  # noqa: E402
from arm_bench import CELL, Bench, make_bench  # noqa: E402
from control_msgs.action import FollowJointTrajectory  # noqa: E402
from control_msgs.msg import JointTolerance, JointTrajectoryControllerState  # noqa: E402
from graph import wait_for  # noqa: E402
from rogues import bad_trajectories  # noqa: E402
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg  # noqa: E402
from trajectory_msgs.msg import JointTrajectoryPoint  # noqa: E402
from unique_identifier_msgs.msg import UUID  # noqa: E402

from equigrasp.devices.motion import JointTrajectory, StopReason  # noqa: E402
from equigrasp.planning.trajectory_check import TrajectoryCheck  # noqa: E402
from equigrasp.ros import names, qos  # noqa: E402
from equigrasp.ros.messages.trajectories import from_trajectory_result, to_trajectory_msg  # noqa: E402

pytestmark = pytest.mark.ros


@pytest.fixture
def bench() -> Iterator[Bench]:
    with make_bench() as made:
        yield made


def test_what_breaks_a_limit_is_refused_naming_it_and_moves_nothing(bench: Bench) -> None:
    for change, duration, joint, message in (
        (1.0, 0.4, 5, r"'wrist_3_joint' would turn at 3.75 rad/s; its limit is 3.14"),
        (0.3, 0.4, 5, r"'wrist_3_joint' would accelerate at 11.25 rad/s²"),
        (9.0, 20.0, 5, r"'wrist_3_joint' would go to 9.000 rad"),
        (1.0, 3.0, 1, r"would be .* m, .* s into the trajectory"),
    ):
        status, result = bench.result(bench.send(change, duration, joint))
        assert status == GoalStatus.STATUS_ABORTED
        assert result.error_code == FollowJointTrajectory.Result.INVALID_GOAL
        assert bench.turned() == 0.0
        assert re.search(message, result.error_string), result.error_string
    assert bench.arm.num_commands == 0
    assert not bench.shown
    assert bench.result(bench.send(0.3))[0] == GoalStatus.STATUS_SUCCEEDED
    wait_for(lambda: bool(bench.shown), 5.0, "the trajectory, which somebody watches")


def test_a_bad_trajectory_of_somebody_else_leaves_the_running_one_alone(bench: Bench) -> None:
    running = bench.send(0.5, 4.0)
    wait_for(lambda: bench.turned() > 0.01, 5.0, "motion")
    goals = bad_trajectories(bench.arm.joint_state().positions, bench.arm.joint_names)
    for what, goal in goals.items():
        status, result = bench.result(bench._await(bench.client.send_goal_async(goal)))
        assert status == GoalStatus.STATUS_ABORTED, what
        assert result.error_code == FollowJointTrajectory.Result.INVALID_GOAL, what
        assert result.error_string, what
    assert bench.arm.motion_status().is_active
    assert bench.result(running)[0] == GoalStatus.STATUS_SUCCEEDED
    assert bench.arm.num_commands == 1
    assert bench.turned() == pytest.approx(0.5)


def test_a_good_trajectory_of_somebody_else_takes_the_running_ones_place(bench: Bench) -> None:
    running = bench.send(0.5, 10.0)  # slow: the newer one begins where it still is
    wait_for(lambda: bench.turned() > 0.01, 5.0, "motion")
    here = bench.turned()
    newer = bench.send(0.1 - here, 2.0)
    status, result = bench.result(running)
    assert status == GoalStatus.STATUS_ABORTED
    assert "newer trajectory took this one's place" in result.error_string
    assert bench.result(newer)[0] == GoalStatus.STATUS_SUCCEEDED


@pytest.mark.parametrize("reason", [StopReason.PROTECTIVE_STOP, StopReason.EMERGENCY_STOP])
def test_a_stop_by_the_robot_ends_goals_by_name_until_it_is_recovered(
    bench: Bench, reason: StopReason
) -> None:
    handle = bench.send(0.5, 5.0)
    wait_for(lambda: bench.turned() > 0.1, 5.0, "motion")
    assert not bench.call("arm/recover").success  # it is moving
    bench.arm.trip(reason)
    for answer in (bench.result(handle), bench.result(bench.send(0.1))):
        assert answer[0] == GoalStatus.STATUS_ABORTED
        assert answer[1].error_string.startswith(f"{reason.name}: ")
        assert from_trajectory_result(answer[1], answer[0]).reason is reason
    assert bench.call("arm/recover").success
    assert bench.result(bench.send(0.1))[0] == GoalStatus.STATUS_SUCCEEDED


def test_a_commander_that_falls_silent_is_noticed(bench: Bench) -> None:
    heartbeat = bench.node.create_publisher(UUID, names.HEARTBEAT, qos.reliable())
    wait_for(lambda: heartbeat.get_subscription_count() > 0, 5.0, "the arm node")
    handle = bench.send(0.9, 4.0)
    for _ in range(8):
        heartbeat.publish(handle.goal_id)
        time.sleep(0.1)
    assert bench.arm.motion_status().is_active
    status, result = bench.result(handle)
    assert status == GoalStatus.STATUS_ABORTED
    assert from_trajectory_result(result, status).reason is StopReason.COMMANDER_SILENT
    assert bench.turned() < 0.6  # where it would be 1.6 s after the last sign of life


def test_a_client_without_heartbeat_is_served(bench: Bench) -> None:
    assert bench.result(bench.send(0.5, 1.5))[0] == GoalStatus.STATUS_SUCCEEDED


def test_a_client_without_heartbeat_is_stopped_where_it_is_demanded() -> None:
    with make_bench(requires_heartbeat=True) as bench:
        status, result = bench.result(bench.send(0.5, 1.5))
        assert status == GoalStatus.STATUS_ABORTED
        assert from_trajectory_result(result, status).reason is StopReason.COMMANDER_SILENT


def test_first_motion_takes_ten_times_as_long() -> None:
    with make_bench(speed_scale=0.1) as bench:
        assert bench.scalings[-1] == pytest.approx(10.0)
        began = time.monotonic()
        handle = bench.send(0.1, 0.3)
        done = handle.get_result_async()
        while not done.done():  # it is never ahead of a tenth of the speed
            assert bench.turned() < 1.01 * 0.1 / 3.0 * (time.monotonic() - began)
            time.sleep(0.02)
        assert time.monotonic() - began >= 3.0
        assert bench.result(handle)[0] == GoalStatus.STATUS_SUCCEEDED
        assert bench.turned() == pytest.approx(0.1, abs=1e-3)
        followed = bench.arm.commands[0]
        speeds = np.diff(followed.positions[:, 5]) / np.diff(followed.times)
        assert speeds.max() == pytest.approx(0.1 / 3.0)


def test_each_motion_waits_for_its_own_consent() -> None:
    with make_bench(confirm=True, confirm_timeout=1.5) as bench:
        assert not bench.call("arm/confirm").success  # nothing waits
        handle = bench.send(0.2, 0.6)
        wait_for(lambda: bench.scalings[-1] == 0.0, 5.0, "time to stand still")
        assert bench.arm.num_commands == 0
        assert bench.call("arm/confirm").success
        assert bench.result(handle)[0] == GoalStatus.STATUS_SUCCEEDED
        wait_for(lambda: bench.scalings[-1] == 100.0, 5.0, "time to go on")
        status, result = bench.result(bench.send(-0.2, 0.6))
        assert status == GoalStatus.STATUS_ABORTED
        assert "The motion was not confirmed within 1.5 s" in result.error_string
        waiting = bench.send(-0.2, 0.6)
        wait_for(lambda: bench.scalings[-1] == 0.0, 5.0, "time to stand still")
        waiting.cancel_goal_async()
        assert bench.result(waiting)[0] == GoalStatus.STATUS_CANCELED
        assert bench.arm.num_commands == 1


def test_a_dry_run_checks_and_shows_and_moves_nothing() -> None:
    with make_bench(dry_run=True) as bench:
        status, result = bench.result(bench.send(0.2))
        assert status == GoalStatus.STATUS_ABORTED
        assert from_trajectory_result(result, status).reason is StopReason.DRY_RUN
        assert "passed every check" in result.error_string
        wait_for(lambda: bool(bench.shown), 5.0, "the trajectory")
        assert bench.shown[-1].points[-1].positions[5] == pytest.approx(0.2)
        _, refused = bench.result(bench.send(1.0, 0.4))
        assert refused.error_code == FollowJointTrajectory.Result.INVALID_GOAL
        assert bench.arm.num_commands == 0


def test_care_that_is_asked_for_counts_at_once(bench: Bench) -> None:
    """Speed changes between motions only; what waited under other rules does not begin."""
    running = bench.send(0.5, 20.0)
    wait_for(lambda: bench.turned() > 0.01, 5.0, "motion")
    assert "between two motions" in bench.set("speed_scale", 0.5)
    running.cancel_goal_async()
    assert bench.result(running)[0] == GoalStatus.STATUS_CANCELED
    wait_for(lambda: bench.set("speed_scale", 0.5) == "", 5.0, "the goal's end")
    assert bench.result(bench.send(0.1, 0.5))[0] == GoalStatus.STATUS_SUCCEEDED
    assert bench.arm.commands[-1].duration == 1.0
    for name in ("dry_run", "confirm"):
        waiting = bench.send(0.1, 0.5, ahead=1.0)
        wait_for(lambda: bench.set("speed_scale", 0.4) != "", 5.0, "the goal to wait")
        assert bench.set(name, True) == ""
        status, result = bench.result(waiting)
        assert status == GoalStatus.STATUS_ABORTED and "Send it again" in result.error_string
        assert bench.set(name, False) == ""
        wait_for(lambda: bench.set("speed_scale", 0.5) == "", 5.0, "the goal's end")
    assert bench.arm.num_commands == 2


def test_clients_are_told_how_well_the_arm_follows(bench: Bench) -> None:
    states: list[JointTrajectoryControllerState] = []
    bench.node.create_subscription(
        JointTrajectoryControllerState, names.CONTROLLER_STATE, states.append, qos.reliable()
    )
    told: list[FollowJointTrajectory.Feedback] = []
    joint = "wrist_3_joint"
    way = [JointTolerance(name=joint, position=0.05)]
    handle = bench.send(0.5, 4.0, told=told, path_tolerance=way)
    wait_for(lambda: len(told) > 5 and len(states) > 5, 10.0, "feedback")
    for message, desired, actual in (
        (told[-1].feedback, "desired", "actual"),
        (states[-1], "reference", "feedback"),
    ):
        assert list(message.joint_names) == list(bench.arm.joint_names)
        points = [getattr(message, name).positions[5] for name in (desired, actual)]
        assert points[0] > 0.0 and message.header.stamp.sec > 0
        assert message.error.positions[5] == pytest.approx(points[0] - points[1])
    bench.arm.is_stuck = True  # measured where it was; the trajectory's time goes on
    status, result = bench.result(handle)
    assert status == GoalStatus.STATUS_ABORTED
    assert result.error_code == FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
    assert joint in result.error_string and not bench.arm.motion_status().is_active


def test_a_stream_of_points_for_now_stays_in_the_box(bench: Bench) -> None:
    """One point at time 0, a little ahead of where the arm is, again and again."""
    check, safety = TrajectoryCheck(CELL), CELL.safety
    outside, refused = [], 0
    for _ in range(60):
        here = bench.arm.joint_state().positions
        ahead = here + 0.045 * np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
        points = JointTrajectory(np.zeros(1), ahead[None], np.zeros((1, 6)))
        goal = FollowJointTrajectory.Goal(
            trajectory=to_trajectory_msg(points, bench.arm.joint_names)
        )
        _, result = bench.result(bench._await(bench.client.send_goal_async(goal)))
        refused += result.error_code == FollowJointTrajectory.Result.INVALID_GOAL
        tool, heights = check.places(bench.arm.joint_state().positions[None])
        box = np.maximum(safety.box.lower - tool[:, :3], tool[:, :3] - safety.box.upper)
        outside.append(max(box.max(), (safety.link_height - heights).max()))
    assert refused > 5 and max(outside) < 1.5e-3


@pytest.mark.parametrize(
    ("ahead", "code", "message"),
    [
        (-1.7e9, FollowJointTrajectory.Result.OLD_HEADER_TIMESTAMP, "begun and ended"),
        (-1.5, FollowJointTrajectory.Result.OLD_HEADER_TIMESTAMP, "begun 1.5 s ago"),
        (3.0e8, FollowJointTrajectory.Result.INVALID_GOAL, "at most 60 s are waited"),
    ],
)
def test_a_start_that_is_over_or_far_off_moves_nothing(
    bench: Bench, ahead: float, code: int, message: str
) -> None:
    status, result = bench.result(bench.send(0.3, 4.0, ahead=ahead))
    assert status == GoalStatus.STATUS_ABORTED and result.error_code == code
    assert message in result.error_string
    assert bench.arm.num_commands == 0


def test_a_later_start_is_waited_for(bench: Bench) -> None:
    began = bench.arm._clock.stamp()
    assert bench.result(bench.send(0.1, 0.5, ahead=1.5))[0] == GoalStatus.STATUS_SUCCEEDED
    assert bench.arm._clock.stamp() >= began + 1.5
    waiting = bench.send(0.1, 0.5, ahead=50.0)
    assert bench.result(bench.send(-0.1, 0.5))[0] == GoalStatus.STATUS_SUCCEEDED
    status, result = bench.result(waiting)  # the newer one took its place
    assert status == GoalStatus.STATUS_ABORTED and "newer trajectory" in result.error_string
    assert bench.arm.num_commands == 2


def test_cancelling_one_that_waits_leaves_the_running_one_alone(bench: Bench) -> None:
    running = bench.send(0.5, 4.0)
    wait_for(lambda: bench.turned() > 0.01, 5.0, "motion")
    waiting = bench.send(0.1, 0.5, ahead=50.0)
    waiting.cancel_goal_async()
    assert bench.result(waiting)[0] == GoalStatus.STATUS_CANCELED
    assert bench.result(running)[0] == GoalStatus.STATUS_SUCCEEDED
    assert bench.turned() == pytest.approx(0.5)


def test_what_waits_is_judged_again_when_it_begins(bench: Bench) -> None:
    """The arm went elsewhere meanwhile."""
    waiting = bench.send(0.1, 0.5, ahead=4.0)
    bench.arm._positions = bench.arm._positions + 0.3
    status, result = bench.result(waiting)
    assert status == GoalStatus.STATUS_ABORTED and "starts 0.300 rad from" in result.error_string
    assert bench.arm.num_commands == 0


def test_too_many_points_are_refused_before_they_are_read(bench: Bench) -> None:
    goal = FollowJointTrajectory.Goal(
        trajectory=JointTrajectoryMsg(joint_names=["none of this arm"])
    )
    for number in (10_001, 50_000):
        goal.trajectory.points = [JointTrajectoryPoint()] * number
        _, result = bench.result(bench._await(bench.client.send_goal_async(goal)))
        assert "has more than 10000 points" in result.error_string
    long = bench.send(0.1, 601.0)
    assert "takes 601 s; at most 600 s" in bench.result(long)[1].error_string
    assert bench.arm.num_commands == 0


def test_a_trajectory_begins_in_the_moment_in_which_it_is_judged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    @contextlib.contextmanager
    def moment() -> Iterator[None]:
        events.append("moment")
        yield
        events.append("past")

    def noted(owner: object, name: str) -> None:
        do = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a: (events.append(name), do(*a))[1])

    monkeypatch.setattr(bench.arm, "moment", moment)
    noted(bench.driver._check, "check")
    noted(bench.arm, "start_trajectory")
    assert bench.result(bench.send(0.2, 1.0))[0] == GoalStatus.STATUS_SUCCEEDED
    assert events[-4:] == ["moment", "check", "start_trajectory", "past"]
