"""The threads beside an executor come to run, and it waits without spinning."""

import threading
import time

import pytest

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
from domains import free_domain  # noqa: E402
from driver_node import ros, spinning  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from rclpy.impl.implementation_singleton import rclpy_implementation  # noqa: E402
from rclpy.node import Node  # noqa: E402
from std_msgs.msg import Float64  # noqa: E402

from equigrasp.ros.runtime.fair_executor import FairExecutor  # noqa: E402

pytestmark = pytest.mark.ros
_MOST = 0.5  # share of a core; 0.1 measured, and 0.8 to 1.0 with rclpy's own executor
_DURATION = 4.0  # [s]


@pytest.mark.timing
def test_nodes_that_hear_little_use_little_and_miss_nothing() -> None:
    heard: list[float] = []
    num_sent = 0
    quit_now = threading.Event()

    def make(name: str) -> Node:
        node, group = rclpy.create_node(name), ReentrantCallbackGroup()
        for k in range(4):
            node.create_subscription(
                Float64, f"~/number_{k}", lambda m: heard.append(m.data), 10, callback_group=group
            )
        return node

    with ros(free_domain()):
        nodes = [make("first"), make("second")]
        publishers = [
            node.create_publisher(Float64, f"~/number_{k}", 10) for node in nodes for k in range(4)
        ]

        def publish() -> None:
            nonlocal num_sent
            while not quit_now.wait(0.02):
                for publisher in publishers:
                    publisher.publish(Float64(data=1.0))
                    num_sent += 1

        def watch() -> None:  # as a driver watches its arm
            while not quit_now.wait(0.005):
                pass

        with spinning(*nodes):
            threads = [threading.Thread(target=work) for work in (publish, watch, watch)]
            for thread in threads:
                thread.start()
            time.sleep(1.0)
            began, used = time.monotonic(), time.process_time()
            time.sleep(_DURATION)
            share = (time.process_time() - used) / (time.monotonic() - began)
            quit_now.set()
            for thread in threads:
                thread.join()
    assert share < _MOST
    assert len(heard) > 0.8 * num_sent  # 0.3 with rclpy's own executor


@pytest.mark.parametrize(
    "kind", [rclpy_implementation.RCLError, rclpy_implementation.InvalidHandle]
)
def test_an_entity_destroyed_while_all_are_gathered_does_not_end_the_executor(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [kind("destruction was requested"), "the next callback"]

    def gather(*_: object, **__: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with ros(free_domain()):
        executor = FairExecutor()
        try:
            monkeypatch.setattr(MultiThreadedExecutor, "wait_for_ready_callbacks", gather)
            assert executor.wait_for_ready_callbacks() == "the next callback"
        finally:
            executor.shutdown()


def test_spinning_ends_though_nothing_wakes_it() -> None:
    with ros(free_domain()):
        executor = FairExecutor(2)
        executor.add_node(rclpy.create_node("idle"))
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        time.sleep(0.5)  # it waits by then; if it does not, it ends all the sooner
        executor._is_shutdown = True  # as shutdown() does, whose waking call was lost
        thread.join(60.0)
        assert not thread.is_alive()
