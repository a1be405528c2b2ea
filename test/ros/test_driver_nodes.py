"""Driver nodes as processes: they wait for their device, say so, and end at once when told to."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from control_msgs.action import GripperCommand  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from driver_node import ros  # noqa: E402
from graph import wait_for  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from virtual_robot import own_host  # noqa: E402

from equigrasp.devices.cell import GripperConfig  # noqa: E402
from equigrasp.devices.clock import WallClock  # noqa: E402
from equigrasp.devices.fakes import FakeGripper  # noqa: E402
from equigrasp.nodes import names  # noqa: E402
from equigrasp.nodes.client_node import client_node  # noqa: E402
from equigrasp.nodes.launch_parts import NodeDescription  # noqa: E402
from equigrasp.nodes.supervisor import ManagedProcess  # noqa: E402
from equigrasp.virtual.robotiq.firmware import VirtualRobotiq  # noqa: E402
from equigrasp.virtual.robotiq.urcap_server import VirtualUrcapServer  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
HOST = own_host(3)
