"""A plain node that spins in the background, for programs that use the graph from outside."""

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Iterator

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.errors import EquigraspError
from equigrasp.ros.runtime.message_guard import GuardedExecutor
from equigrasp.ros.runtime.rclpy_versions import check_version

_LOOK_PERIOD = 0.1  # [s] between looks at whether it is over, where nothing happens
_JOIN_TIMEOUT = 5.0  # [s]


@contextlib.contextmanager
def client_node(name: str, namespace: str = "/") -> Iterator[Node]:
    """Yield a node whose callbacks run in a thread; signals stay with the program.

    Raises:
        ConfigError: if the environment names what does not exist, or rclpy is too old.
        EquigraspError: if a callback failed; the program was told to end by SIGTERM.
    """
    prepare_ros()
    warnings = check_version()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(name, namespace=namespace)
    for warning in warnings:
        node.get_logger().warning(warning)
    executor = GuardedExecutor()
    executor.add_node(node)

    is_over = threading.Event()
    failures: list[BaseException] = []

    def spin() -> None:
        try:
            while not is_over.is_set():
                executor.spin_once(_LOOK_PERIOD)
        except BaseException as error:
            if not is_over.is_set():
                traceback.print_exception(error)
                failures.append(error)
                os.kill(os.getpid(), signal.SIGTERM)

    spinner = threading.Thread(target=spin, name=f"spin {name}", daemon=True)
    spinner.start()
    try:
        yield node
    except KeyboardInterrupt:
        if not failures:
            raise
    finally:
        is_over.set()
        spinner.join(_JOIN_TIMEOUT)  # the interpreter must not end under a thread of DDS
        executor.shutdown(
            timeout_sec=1.0
        )  # of an executor that spins, the thread would trip over it
        rclpy.try_shutdown()
    if failures:
        raise EquigraspError(f"A callback of node '{name}' failed: {failures[0]}") from failures[0]
