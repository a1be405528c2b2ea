"""Spin nodes in this process: any, or a driver with a node beside it that listens."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from graph import destroy, wait_for
from rclpy.node import Node
from sensor_msgs.msg import JointState

from equigrasp.ros import names, qos
from equigrasp.ros.runtime.action_client import ActionClient
from equigrasp.ros.runtime.fair_executor import FairExecutor
from equigrasp.ros.runtime.managed_node import ManagedNode


@contextlib.contextmanager
def ros(domain_id: int, **parameters: object) -> Iterator[None]:
    """Join a domain of this machine alone, with parameters for its nodes; before any node is made."""
    os.environ["ROS_DOMAIN_ID"] = str(domain_id)  # for processes that a test starts
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    pairs = (("-p", f"{k}:={str(v).lower()}") for k, v in parameters.items())
    rclpy.init(
        args=["--ros-args", *(word for pair in pairs for word in pair)], domain_id=domain_id
    )
    try:
        yield
    finally:
        rclpy.try_shutdown()


@contextlib.contextmanager
def spinning(*nodes: Node) -> Iterator[None]:
    """Spin nodes in threads, then destroy them: what they offer is not found by the next test."""
    executor = FairExecutor(4)
    for node in nodes:
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield
    executor.shutdown(timeout_sec=5.0)
    thread.join(60.0)
    assert not thread.is_alive()
    for node in nodes:
        destroy(node)


@contextlib.contextmanager
def active(
    node: ManagedNode,
    action: Any,
    name: str,
    joint_states: list[JointState],
    levels: list[bytes],
) -> Iterator[ActionClient]:
    """Activate a node, yield a client of its action, and end it.

    Args:
        node: The driver.
        action: Type of its action.
        name: Name of its action.
        joint_states: What it publishes goes here.
        levels: Its levels on /diagnostics go here.
    """
    tester = rclpy.create_node("tester")
    client = ActionClient(tester, action, name)
    tester.create_subscription(JointState, names.JOINT_STATES, joint_states.append, qos.reliable())
    tester.create_subscription(
        DiagnosticArray,
        names.DIAGNOSTICS,
        lambda message: levels.append(message.status[0].level),
        qos.reliable(),
    )
    with spinning(node, tester):
        node.autostart()
        wait_for(client.server_is_ready, 20.0, f"the action '{name}'")
        yield client
        node.end()
