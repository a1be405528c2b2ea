"""Where simulated time begins."""

import pytest

pytest.importorskip("rclpy")

from equigrasp.ros.drivers.sim_bridge_node import _start_time  # noqa: E402

pytestmark = pytest.mark.ros


def test_simulated_time_never_turns_back(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []
    for wall in (1.8e9 - 1.0, 1.8e9 + 1.0, 1.9e9, 0.0, 2.0e9 + 1.0):
        monkeypatch.setattr("time.time", lambda wall=wall: wall)
        starts.append(_start_time())
    assert starts == sorted(starts)
    assert 0.0 < starts[-1] < 2**31  # what a stamp can hold
