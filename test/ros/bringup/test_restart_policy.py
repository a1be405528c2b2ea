"""How often a process that dies is started again, by a clock of the test's own."""

import pytest

pytest.importorskip("rclpy")

from equigrasp.ros.bringup import restart_policy  # noqa: E402
from equigrasp.ros.bringup.restart_policy import MAX_RESTARTS, SHORT_LIFE, RestartPolicy  # noqa: E402


@pytest.mark.parametrize("life", [0.1, 12.0, SHORT_LIFE - 1.0])
def test_what_cannot_work_is_given_up(life: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr(restart_policy.time, "monotonic", lambda: now[0])
    policy, answers = RestartPolicy(), []
    for _ in range(MAX_RESTARTS + 1):
        now[0] += life
        answers.append(policy.gives_up())
    assert answers == MAX_RESTARTS * [False] + [True]


def test_a_long_run_survives_many_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr(restart_policy.time, "monotonic", lambda: now[0])
    policy = RestartPolicy()
    for _ in range(30):
        now[0] += SHORT_LIFE + 1.0
        assert not policy.gives_up()
