"""When a failing test may be the fault of a machine that stood still."""

import pytest
from stolen_time import StolenTime


class Machine:
    """Two processors of which a share is stolen."""

    def __init__(self) -> None:
        self.now = self.stolen = 0.0
        self.watch = StolenTime(lambda: self.stolen, lambda: self.now, 2)

    def run(self, duration: float, share: float) -> None:
        """Let time pass and look on, every 0.1 s."""
        for _ in range(round(10 * duration)):
            self.now += 0.1
            self.stolen += 0.1 * share * 2
            self.watch.look()


@pytest.mark.parametrize(("share", "is_too_much"), [(0.0, False), (0.2, False), (0.5, True)])
def test_a_burst_counts_however_long_the_test(share: float, is_too_much: bool) -> None:
    machine = Machine()
    machine.run(60.0, 0.01)
    machine.run(1.0, share)
    machine.run(60.0, 0.01)
    assert machine.watch.was_too_much() is is_too_much


def test_a_test_that_fails_at_once_is_judged_by_the_burst_alone() -> None:
    machine = Machine()
    machine.run(0.1, 0.9)
    assert not machine.watch.was_too_much()  # 0.18 s of processor time
    machine.run(0.2, 0.9)
    assert machine.watch.was_too_much()


def test_what_was_stolen_before_does_not_count() -> None:
    machine = Machine()
    machine.run(2.0, 0.9)
    machine.watch.restart()
    assert not machine.watch.was_too_much()
    machine.run(2.0, 0.1)
    assert not machine.watch.was_too_much()


def test_tests_without_ros_are_tried_once(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("flaky") is None


@pytest.mark.ros
def test_a_ros_test_is_tried_again_only_then(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("flaky")
    assert marker.kwargs["reruns"] == 2
    assert marker.kwargs["condition"].__name__ == "was_too_much"
