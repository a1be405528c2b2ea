"""An executor that is shut down ends its threads; any other error of theirs is not hidden."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros  # noqa: E402
from graph import destroy  # noqa: E402
from rclpy.impl.implementation_singleton import rclpy_implementation  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.timer import Timer  # noqa: E402

from equigrasp.ros.runtime.fair_executor import FairExecutor  # noqa: E402
from equigrasp.ros.runtime.message_guard import GuardedExecutor  # noqa: E402

pytestmark = pytest.mark.ros
GONE = [rclpy_implementation.InvalidHandle, rclpy_implementation.RCLError, AttributeError]


class Bench:
    """An executor, and a node with one timer in it."""

    def __init__(self, kind: type) -> None:
        self.executor: Any = kind()
        self.node = Node("tester")
        self.timer: Timer = self.node.create_timer(0.001, self.on_time)
        self.executor.add_node(self.node)
        self.work = lambda: None

    def on_time(self) -> None:
        self.work()

    def spin_until(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            self.executor.spin_once(0.05)


@pytest.fixture(params=[FairExecutor, GuardedExecutor])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ros(free_domain()):
        made = Bench(request.param)
        yield made
        made.executor.shutdown()
        destroy(made.node)


@pytest.mark.parametrize("is_context", [False, True])
def test_a_task_that_ends_after_its_executor_is_no_failure(bench: Bench, is_context: bool) -> None:
    """The executor goes while what it took is taken."""

    def end(timer: Timer) -> None:
        if is_context:
            rclpy.shutdown()
        bench.executor.shutdown()

    handler = bench.executor._make_handler(bench.timer, bench.node, end)
    handler()
    assert handler.exception() is None
    bench.executor.create_task(lambda: None)  # what a future has called when it is done


def test_a_task_that_comes_after_the_end_is_no_failure(bench: Bench) -> None:
    bench.executor._is_shutdown = True
    handler = bench.executor._make_handler(bench.timer, bench.node, lambda timer: None)
    bench.executor.shutdown()
    handler()
    assert handler.exception() is None


def test_an_end_while_all_is_gathered_is_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(entity: object) -> bool:
        bench.executor.shutdown()
        return True

    monkeypatch.setattr(bench.executor, "can_execute", end)
    bench.executor.spin_once(0.1)


@pytest.mark.parametrize("kind", GONE)
@pytest.mark.parametrize("is_over", [False, True])
def test_an_error_of_a_callback_is_not_hidden(
    bench: Bench, kind: type[Exception], is_over: bool
) -> None:
    def work() -> None:
        if is_over:
            bench.executor._is_shutdown = True
        raise kind("ours")

    bench.work = work
    with pytest.raises(kind, match="ours"):
        while True:
            bench.executor._is_shutdown = False
            bench.executor.spin_once(0.05)


@pytest.mark.parametrize("kind", GONE)
def test_an_error_of_the_executor_itself_is_not_hidden_before_the_end(
    bench: Bench, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(*_: object) -> bool:
        raise kind("gone")

    monkeypatch.setattr(bench.executor, "can_execute", gather)
    with pytest.raises(kind, match="gone"):
        bench.executor.spin_once(0.05)


def test_a_guard_that_others_destroyed_is_told(bench: Bench) -> None:
    bench.executor._guard.handle.destroy_when_not_in_use()
    with pytest.raises(rclpy_implementation.InvalidHandle):
        bench.executor.wake()
    bench.executor._guard.is_over = True  # for the fixture's own end
