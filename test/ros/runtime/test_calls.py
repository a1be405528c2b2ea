"""Calls of services wait as long as they say, whoever keeps them waiting, and leave nothing behind."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from equigrasp.errors import CancelledError, DeviceTimeoutError  # noqa: E402
from equigrasp.ros.runtime import calls  # noqa: E402
from equigrasp.ros.runtime.calls import Caller  # noqa: E402


class Time:
    """A clock that waiting moves on, and the event that is waited for."""

    def __init__(self) -> None:
        self.now, self.cancelled_at = 100.0, float("inf")

    def monotonic(self) -> float:
        return self.now

    def wait(self, duration: float) -> bool:
        self.now += duration
        return self.is_set()

    def is_set(self) -> bool:
        return self.now >= self.cancelled_at


class Client:
    """A service that is found after a while, and answers after a while."""

    srv_name = "ask"

    def __init__(
        self, time: Time, found_after: float, answers_after: float = float("inf")
    ) -> None:
        self.time, self.found_at = time, time.now + found_after
        self.answers_after = answers_after
        self.num_asked, self.pending = 0, list[Any]()

    def service_is_ready(self) -> bool:
        return self.time.now >= self.found_at

    def call_async(self, request: Any) -> Any:
        due = self.time.now + self.answers_after
        future = SimpleNamespace(done=lambda: self.time.now >= due, result=lambda: "answer")
        self.num_asked += 1
        self.pending.append(future)
        return future

    def remove_pending_request(self, future: Any) -> None:
        self.pending.remove(future)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(calls, "time", made)
    return made


def caller(time: Any) -> Caller:
    return Caller(time)


def test_a_server_that_is_found_late_leaves_less_time_to_answer(time: Time) -> None:
    client = Client(time, found_after=2.0)
    with pytest.raises(DeviceTimeoutError, match=r"'ask' gave no answer within 3\.0 s"):
        caller(time).call(client, None, 3.0)
    assert time.now == pytest.approx(103.0, abs=0.01)
    assert client.num_asked == 1 and not client.pending


def test_an_answer_in_time_is_returned(time: Time) -> None:
    client = Client(time, found_after=1.0, answers_after=1.0)
    assert caller(time).call(client, None, 3.0) == "answer"
    assert not client.pending


@pytest.mark.parametrize(("asks_again", "num_asked"), [(True, 3), (False, 1)])
def test_a_service_is_asked_again_where_that_does_no_harm(
    time: Time, asks_again: bool, num_asked: int
) -> None:
    client = Client(time, found_after=0.0)
    with pytest.raises(DeviceTimeoutError):
        caller(time).call(client, None, 12.0, asks_again=asks_again)
    assert client.num_asked == num_asked and not client.pending


def test_a_cancel_leaves_no_request_behind(time: Time) -> None:
    time.cancelled_at, client = 101.0, Client(time, found_after=0.0)
    with pytest.raises(CancelledError):
        caller(time).call(client, None, 12.0)
    assert client.num_asked == 1 and not client.pending


def test_a_real_event_cancels() -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        Caller(cancel).check()
