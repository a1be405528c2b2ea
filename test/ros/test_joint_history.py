"""Speed and rest by what joints show, whatever their driver says and whoever sets a clock."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy")

from equigrasp.devices.motion import JointState  # noqa: E402
from equigrasp.ros.remote.joint_history import JointHistory  # noqa: E402
from equigrasp.ros.runtime.ros_clock import Moment  # noqa: E402

PERIOD = 0.01  # [s]
BEGIN = Moment(-1.0, -1.0)


class Driver:
    """Tells of one joint that turns at a given speed [rad/s]."""

    def __init__(self, told: float = math.nan) -> None:
        self.history, self.told = JointHistory(), told
        self.time, self.position, self.offset = 0.0, 0.0, 0.0

    def turn(self, speed: float, duration: float) -> JointState:
        state = None
        for _ in range(round(duration / PERIOD)):
            self.time += PERIOD
            self.position += speed * PERIOD
            told = np.array([self.told])
            state = JointState(
                self.time + self.offset, np.array([self.position]), told, np.zeros(1)
            )
            state = self.history.add(state, self.now)
        return state

    @property
    def now(self) -> Moment:
        return Moment(self.time, self.time)

    def is_at_rest(self, since: Moment = BEGIN) -> bool:
        return self.history.is_at_rest(since, 0.05)


@pytest.mark.parametrize("told", [math.nan, 0.0])
def test_positions_show_the_speed(told: float) -> None:
    assert Driver(told).turn(0.5, 0.1).velocities[0] == pytest.approx(0.5)


def test_a_told_speed_is_taken() -> None:
    assert Driver(told=0.4).turn(0.5, 0.1).velocities[0] == 0.4


def test_a_first_state_has_no_speed() -> None:
    assert math.isnan(Driver().turn(0.5, PERIOD).velocities[0])


def test_joints_rest_after_standing_still() -> None:
    driver = Driver()
    driver.turn(0.5, 0.3)
    assert not driver.is_at_rest()
    driver.turn(0.0, 0.05)
    assert not driver.is_at_rest()
    driver.turn(0.0, 0.1)
    assert driver.is_at_rest()


def test_rest_before_the_question_does_not_count() -> None:
    driver = Driver()
    driver.turn(0.0, 0.5)
    cancelled = driver.now
    assert not driver.is_at_rest(cancelled)
    driver.turn(0.0, 0.12)
    assert driver.is_at_rest(cancelled)


def test_a_joint_that_swings_does_not_rest() -> None:
    driver = Driver()
    for _ in range(20):
        driver.turn(0.5, 0.02)
        driver.turn(-0.5, 0.02)
    assert not driver.is_at_rest()


def test_a_told_speed_is_no_rest() -> None:
    driver = Driver(told=0.5)
    driver.turn(0.0, 0.5)
    assert not driver.is_at_rest()


@pytest.mark.parametrize("jump", [1000.0, -1000.0, 0.3, -0.3])
def test_stamps_that_jump_show_no_rest(jump: float) -> None:
    driver = Driver()
    driver.turn(0.5, 0.3)
    for _ in range(20):
        driver.offset += jump
        driver.turn(0.5, 0.05)
        assert not driver.is_at_rest()
    assert driver.turn(0.5, 0.1).velocities[0] == pytest.approx(0.5)
    driver.turn(0.0, 0.15)
    assert driver.is_at_rest()


def test_a_repeated_state_is_none() -> None:
    driver = Driver()
    state = driver.turn(0.0, PERIOD)
    assert driver.history.add(state, Moment(5.0, 5.0)) is None


def test_stamps_that_stand_still_fill_no_memory() -> None:
    history = JointHistory()
    for i in range(2500):
        state = JointState(0.0, np.array([1e-3 * i]), np.full(1, math.nan), np.zeros(1))
        history.add(state, Moment(0.01 * i, 0.01 * i))
    assert len(history._samples) == 2000
