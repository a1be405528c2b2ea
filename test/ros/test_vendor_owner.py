"""Under a vendor's driver, which knows no owners, the executor stops the arm when its own is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from graph import wait_for  # noqa: E402
from lbr_cell import lbr_cell, top_speed  # noqa: E402

from equigrasp.devices.owner import Owner, _look_up  # noqa: E402
from equigrasp.ros.messages.times import from_time  # noqa: E402

pytestmark = pytest.mark.ros

AT_REST = 0.05  # [rad/s]


def test_the_arm_rests_within_a_second_of_its_owners_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        found = _look_up(process.pid)
        assert found is not None
        owner = Owner(process.pid, found[1], os.urandom(6).hex())
        monkeypatch.setattr(
            "equigrasp.devices.owner._own", owner
        )  # the client's graph is the same
        with lbr_cell(tmp_path, owner.environment) as cell:
            cell.begin_grasp()
            process.kill()
            states = cell.joint_states
            killed, num_heard = from_time(states[-1].header.stamp), len(states)
            assert top_speed(states[-5:]) > AT_REST, "an arm that does not move proves nothing"
            wait_for(
                lambda: from_time(states[-1].header.stamp) > killed + 3.0, 60.0, "joint states"
            )
            moving = [s for s in states[num_heard:] if top_speed([s]) > AT_REST]
            assert from_time(moving[-1].header.stamp) - killed < 1.0  # robot time
            assert cell.executor.wait(30.0) == 0
            assert "Whoever started this node is gone" in cell.logs()
