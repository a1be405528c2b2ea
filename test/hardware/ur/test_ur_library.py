"""The unmodified ur_rtde accepts the virtual controller, and moves its arm."""

import json
import os
import subprocess
import sys

import pytest
from virtual_ur5 import NEEDS_UR_RTDE, virtual_ur5

from equigrasp.devices.cell import ArmConfig

pytest.importorskip("rtde_control", reason=NEEDS_UR_RTDE)
pytestmark = pytest.mark.real_time

# In a process of its own: ur_rtde's constructors hold Python's lock while they wait for answers.
_CLIENT = """
import json, os, sys, time
from dashboard_client import DashboardClient
from rtde_control import RTDEControlInterface
from rtde_io import RTDEIOInterface
from rtde_receive import RTDEReceiveInterface
host, seen = sys.argv[1], {}
dashboard = DashboardClient(host)
dashboard.connect()
seen["version"] = dashboard.polyscopeVersion()
seen["words"] = [dashboard.robotmode(), dashboard.safetystatus(), dashboard.running()]
receive = RTDEReceiveInterface(host)
def wait(duration):
    # in the robot's time, which runs late on a busy machine
    end = receive.getTimestamp() + duration
    while receive.getTimestamp() < end:
        time.sleep(0.005)
seen["start"] = receive.getActualQ()
stamps, end = set(), time.monotonic() + 0.5
while time.monotonic() < end:
    stamps.add(receive.getTimestamp())
stamps = sorted(stamps)
seen["cycle"] = min(b - a for a, b in zip(stamps, stamps[1:]))
control = RTDEControlInterface(host)
seen["playing"] = [control.isProgramRunning(), dashboard.running()]
seen["set"] = [control.setPayload(1.5, [0.0, 0.0, 0.05]), control.setTcp([0.1, 0, 0.2, 0, 0, 0])]
seen["tcp"] = control.getTCPOffset()
q = receive.getActualQ()
q[0] += 0.2
seen["moved"] = control.moveJ(q, 1.0, 3.0)
wait(0.05)
seen["after_move"] = receive.getActualQ()[0] - q[0]
for _ in range(30):
    began = control.initPeriod()
    q[0] -= 0.004
    control.servoJ(q, 0.5, 0.5, 0.008, 0.05, 500)
    control.waitPeriod(began)
seen["servo_speed"] = receive.getActualQd()[0]
seen["servo_stopped"] = control.servoStop()
control.speedJ([0.0] * 5 + [0.3], 2.0)
wait(0.4)
seen["speed"] = receive.getActualQd()[5]
seen["speed_stopped"] = control.speedStop()
wait(0.05)
seen["steady"] = control.isSteady()
seen["slider"] = RTDEIOInterface(host).setSpeedSlider(0.4)
wait(0.1)
seen["fraction"] = receive.getSpeedScalingCombined()
control.triggerProtectiveStop()
wait(0.1)
seen["stopped"] = [receive.isProtectiveStopped(), control.isProgramRunning()]
wait(0.4)
dashboard.unlockProtectiveStop()
wait(0.1)
seen["unlocked"] = [receive.isProtectiveStopped(), receive.getSafetyMode(), receive.getRobotMode()]
print(json.dumps(seen), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("is_e_series", "version", "cycle"), [(False, "3.15", 0.008), (True, "5.11", 0.002)]
)
def test_every_interface_of_ur_rtde_works_on_the_virtual_controller(
    is_e_series: bool, version: str, cycle: float, arm_config: ArmConfig
) -> None:
    with virtual_ur5(is_e_series=is_e_series) as robot:
        client = subprocess.run(
            [sys.executable, "-c", _CLIENT, robot.server.host],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        state = robot.controller.state
    assert client.returncode == 0, client.stderr
    seen = json.loads(client.stdout.splitlines()[-1])
    assert seen["version"].startswith(version)
    assert seen["words"] == ["Robotmode: RUNNING", "Safetystatus: NORMAL", False]
    assert seen["start"] == pytest.approx(arm_config.home_positions, abs=1e-4)
    assert seen["cycle"] == pytest.approx(cycle)
    assert seen["playing"] == [True, True]
    assert seen["set"] == [True, True] and seen["tcp"] == pytest.approx([0.1, 0, 0.2, 0, 0, 0])
    assert (state.payload_mass, *state.payload_cog) == pytest.approx((1.5, 0.0, 0.0, 0.05))
    assert seen["moved"] and abs(seen["after_move"]) < 0.005
    assert seen["servo_speed"] < -0.2
    assert seen["servo_stopped"] and seen["speed_stopped"] and seen["steady"]
    assert seen["speed"] == pytest.approx(0.3, abs=0.1)
    assert seen["slider"] and seen["fraction"] == pytest.approx(0.4)
    assert seen["stopped"] == [True, False]
    assert seen["unlocked"] == [False, 1, 7]
