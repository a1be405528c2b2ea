"""One guard around callbacks: what content breaks is dropped and counted, what we broke is not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from equigrasp.errors import PerceptionError  # noqa: E402
from equigrasp.ros.runtime import message_guard  # noqa: E402
from equigrasp.ros.runtime.message_guard import Drops, MessageGuard  # noqa: E402


class Executor:
    """Takes what a test gives it."""

    def _take_subscription(self, sub: Any) -> Any:
        if sub.taking is not None:
            raise sub.taking

        async def execute() -> None:
            if sub.error is not None:
                raise sub.error

        return execute


class Guarded(MessageGuard, Executor):
    """With the guard."""


def _run(error: Exception | None = None, taking: Exception | None = None) -> None:
    sub = SimpleNamespace(topic_name="/depth", error=error, taking=taking)
    execute = Guarded()._take_subscription(sub)
    if execute is not None:
        asyncio.run(execute())


@pytest.fixture(autouse=True)
def drops(monkeypatch: pytest.MonkeyPatch) -> Drops:
    drops = Drops()
    monkeypatch.setattr(message_guard, "DROPS", drops)
    return drops


@pytest.mark.parametrize("error", [ValueError("negative"), IndexError(), PerceptionError("odd")])
def test_content_is_dropped_and_counted(error: Exception, drops: Drops) -> None:
    for _ in range(3):
        _run(error)
    assert drops.values == {"dropped on '/depth'": "3"}
    assert type(error).__name__ in drops.recent


def test_bytes_that_are_no_message_are_dropped(drops: Drops) -> None:
    _run(taking=RuntimeError("failed to deserialize"))
    assert drops.values == {"dropped on '/depth'": "1"}


def test_what_can_be_read_is_not_counted(drops: Drops) -> None:
    _run()
    assert drops.values == {} and drops.recent == ""


def test_a_fault_of_ours_ends_the_process(drops: Drops) -> None:
    with pytest.raises(AttributeError):
        _run(AttributeError("no such method"))
    assert drops.values == {}
