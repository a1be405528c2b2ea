"""A plain node that spins in the background, for programs that use the graph from outside."""

import contextlib
import threading
from collections.abc import Iterator

import rclpy
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

_LOOK_PERIOD = 0.1  # [s] between looks at whether it is over, where nothing happens
_JOIN_TIMEOUT = 5.0  # [s]


@contextlib.contextmanager
def client_node(name: str) -> Iterator[Node]:
    """Yield a node whose callbacks run in a thread; signals stay with the program."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(name)
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    is_over = threading.Event()

    def spin() -> None:
        with contextlib.suppress(ExternalShutdownException, ShutdownException):
            while not is_over.is_set():
                executor.spin_once(_LOOK_PERIOD)

    spinner = threading.Thread(target=spin, daemon=True)
    spinner.start()
    try:
        yield node
    finally:
        is_over.set()
        spinner.join(_JOIN_TIMEOUT)  # the interpreter must not end under a thread of DDS
        executor.shutdown(
            timeout_sec=1.0
        )  # of an executor that spins, the thread would trip over it
        rclpy.try_shutdown()
