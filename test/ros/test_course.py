"""How far off its trajectory a goal lets an arm be: on a manual clock, without a graph."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Duration  # noqa: E402
from control_msgs.action import FollowJointTrajectory  # noqa: E402
from control_msgs.msg import JointTolerance  # noqa: E402

from equigrasp.devices.cell import ArmConfig  # noqa: E402
from equigrasp.devices.fakes import FakeArm, ManualClock  # noqa: E402
from equigrasp.devices.motion import JointState, JointTrajectory, StopReason  # noqa: E402
from equigrasp.errors import CommandRejectedError  # noqa: E402
from equigrasp.ros.drivers.course import Course, Tolerances  # noqa: E402
from equigrasp.ros.messages.trajectories import to_trajectory_result  # noqa: E402

pytestmark = pytest.mark.ros
Goal, Result = FollowJointTrajectory.Goal, FollowJointTrajectory.Result


class LaggingArm(FakeArm):
    """Is measured `lag` [rad] behind at its last joint; may run at a share of its speed."""

    lag, scaling = 0.0, 1.0

    def joint_state(self) -> JointState:
        state = super().joint_state()
        offset = self.lag * np.eye(6)[5]
        return JointState(
            state.stamp, state.positions - offset, state.velocities, state.velocities
        )

    def speed_scaling(self) -> float:
        return self.scaling


class TellingArm(LaggingArm):
    """Tells its set-point, whose time is its own."""

    def set_point(self) -> JointState:
        return FakeArm.joint_state(self)


@pytest.fixture(params=[LaggingArm, TellingArm])
def arm(request: pytest.FixtureRequest, arm_config: ArmConfig) -> LaggingArm:
    arm = request.param(arm_config, ManualClock())
    arm.connect()
    return arm


def tolerance(position: float, velocity: float = 0.0) -> list[JointTolerance]:
    return [JointTolerance(name="wrist_3_joint", position=position, velocity=velocity)]


def course(arm: LaggingArm, goal: Goal, duration: float = 2.0) -> Course:
    """Begin to turn the last joint by 0.4 rad."""
    start = arm.joint_state().positions
    points = np.stack([start, start + 0.4 * np.eye(6)[5]])
    trajectory = JointTrajectory(np.array([0.0, duration]), points, np.zeros((2, 6)))
    made = Course(arm, trajectory, Tolerances.of_goal(goal, arm.joint_names), arm._clock)
    arm.start_trajectory(trajectory)
    return made


def test_a_way_that_is_left_is_a_path_violation(arm: LaggingArm) -> None:
    made = course(arm, Goal(path_tolerance=tolerance(0.1)))
    arm._clock.sleep(1.0)
    assert made.violation(is_done=False) is None
    arm.lag = 0.15
    violation = made.violation(is_done=False)
    assert violation is not None and violation.reason is StopReason.BLOCKED
    assert to_trajectory_result(violation).error_code == Result.PATH_TOLERANCE_VIOLATED
    assert "'wrist_3_joint' was 0.1500 rad off; its tolerance is 0.1000 rad" in violation.message


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_nothing_is_demanded_by_0_and_by_minus_1(arm: LaggingArm, limit: float) -> None:
    made = course(arm, Goal(path_tolerance=tolerance(limit), goal_tolerance=tolerance(limit)))
    arm.lag = 1.0
    arm._clock.sleep(1.0)
    assert made.violation(is_done=False) is None
    arm._clock.sleep(100.0)
    assert made.is_at_goal() and made.violation(is_done=True) is None


@pytest.mark.parametrize(
    ("late", "patience"),
    [(Duration(sec=3), 3.0), (Duration(), 0.5), (Duration(sec=-1), math.inf)],
)
def test_a_goal_is_waited_for_as_long_as_it_says(
    arm: LaggingArm, late: Duration, patience: float
) -> None:
    made = course(arm, Goal(goal_tolerance=tolerance(0.01), goal_time_tolerance=late))
    arm.lag = 0.03
    arm._clock.sleep(2.0)
    assert made.violation(is_done=True) is None and not made.is_at_goal()
    arm._clock.sleep(min(patience, 1000.0) - 0.01)
    assert made.violation(is_done=True) is None
    arm._clock.sleep(0.02)
    violation = made.violation(is_done=True)
    assert (violation is None) == math.isinf(patience)
    if violation is not None:
        assert to_trajectory_result(violation).error_code == Result.GOAL_TOLERANCE_VIOLATED
        assert "'wrist_3_joint' was 0.0300 rad off" in violation.message
    arm.lag = 0.0
    assert made.is_at_goal() and made.violation(is_done=True) is None


def test_an_arm_that_still_moves_is_late(arm: LaggingArm) -> None:
    made = course(arm, Goal(goal_time_tolerance=Duration(sec=1)))
    arm._clock.sleep(2.9)
    assert made.violation(is_done=False) is None
    assert made.violation(is_done=False) is None
    arm._clock.sleep(1.1)
    violation = made.violation(is_done=False)
    assert violation is not None and violation.reason is StopReason.MISSED


def test_time_is_that_of_a_slowed_arm(arm_config: ArmConfig) -> None:
    arm = LaggingArm(arm_config, ManualClock())
    arm.connect()
    arm.scaling = 0.5
    made = course(arm, Goal())
    for _ in range(10):
        arm._clock.sleep(0.1)
        tracking = made.track()
    assert tracking.elapsed == pytest.approx(0.5)
    assert tracking.desired[0][5] < 0.2  # half of the way is due after 2 s


def test_speeds_have_tolerances_too(arm: LaggingArm) -> None:
    made = course(arm, Goal(path_tolerance=tolerance(0.0, velocity=0.1)))
    arm._clock.sleep(1.0)
    violation = made.violation(is_done=False)  # the fake's joints are measured at rest
    told = isinstance(arm, TellingArm)
    assert (violation is None) == told
    assert told or "rad/s off" in violation.message


@pytest.mark.parametrize(
    "goal",
    [
        Goal(path_tolerance=[JointTolerance(name="knee", position=0.1)]),
        Goal(goal_tolerance=tolerance(-0.5)),
        Goal(goal_tolerance=tolerance(math.nan)),
        Goal(path_tolerance=tolerance(0.1, velocity=math.inf)),
        Goal(goal_time_tolerance=Duration(sec=-3)),
        Goal(path_tolerance=[JointTolerance(name="wrist_3_joint", acceleration=1.0)]),
        Goal(goal_tolerance=[JointTolerance(name="wrist_3_joint", acceleration=1.0)]),
    ],
)
def test_what_is_no_tolerance_is_refused(goal: Goal) -> None:
    with pytest.raises(CommandRejectedError):
        Tolerances.of_goal(goal, ("wrist_3_joint",))
