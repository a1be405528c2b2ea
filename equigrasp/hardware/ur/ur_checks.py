"""Step by step, whether a UR can be driven; moves nothing."""

from collections.abc import Iterator

import numpy as np

from equigrasp.devices.cell import ArmConfig
from equigrasp.devices.finding import Finding
from equigrasp.errors import EquigraspError
from equigrasp.hardware.port_check import check_port
from equigrasp.hardware.ur.ur_config import UrConfig
from equigrasp.hardware.ur.ur_dashboard import UrDashboard
from equigrasp.hardware.ur.ur_modes import safety_problem
from equigrasp.hardware.ur.ur_peek import peek
from equigrasp.hardware.ur.ur_version import DASHBOARD_PORT, RTDE_PORT, missing_dashboard

_PORTS = {DASHBOARD_PORT: "dashboard", 30003: "script port", RTDE_PORT: "RTDE"}
_UNREACHABLE = (
    "check power, cable and address (pendant: Settings, System, Network); ping it; e-Series: enable "
    "the service under Settings, Security, Services"
)


def check_ur(arm: ArmConfig, robot: UrConfig) -> Iterator[Finding]:
    """Yield findings: ports, dashboard, modes, RTDE, joint positions; ends where no more can be asked."""
    ports = [check_port(name, robot.host, port, _UNREACHABLE) for port, name in _PORTS.items()]
    if not ports[0].is_ok:
        why, _ = missing_dashboard(robot.host)
        ports[0] = Finding(ports[0].what, False, why or _UNREACHABLE)
    yield from ports
    if not all(port.is_ok for port in ports):
        return
    try:
        yield from _check_modes(robot.host)
    except (EquigraspError, ImportError) as error:
        yield Finding(str(error), False, "restart the controller, or install what is missing")
    try:
        state = peek(robot.host)
    except EquigraspError as error:
        yield Finding(f"RTDE: {error}", False, "another RTDE client, or the controller is booting")
        return
    yield Finding("RTDE reports the robot's state", True)
    yield _check_joints(arm, np.array(state["positions"]))


def _check_modes(host: str) -> Iterator[Finding]:
    with UrDashboard(host) as dashboard:
        robot = dashboard.describe()
    yield Finding(f"{robot.model}, PolyScope {robot.version}", True)
    yield Finding(
        "remote control" if robot.is_remote else "local control",
        robot.is_remote,
        "choose 'Remote Control' at the top right of the pendant",
    )
    problem = safety_problem(robot.safety_mode)
    yield Finding(f"safety mode {robot.safety_mode}", not problem, problem)
    yield Finding(
        f"robot mode {robot.robot_mode}",
        robot.robot_mode == "RUNNING",
        "power on and release the brakes on the pendant",
    )


def _check_joints(arm: ArmConfig, positions: np.ndarray) -> Finding:
    text = ", ".join(f"{p:.2f}" for p in positions)
    if positions.shape != (len(arm.joint_names),):
        return Finding(f"{len(positions)} joints, not {len(arm.joint_names)}", False, "wrong arm")
    is_inside = (positions >= arm.limits.lower) & (positions <= arm.limits.upper)
    if is_inside.all():
        return Finding(f"joints at {text} rad, within their limits", True)
    name = arm.joint_names[int(np.argmin(is_inside))]
    return Finding(
        f"joints at {text} rad: '{name}' is beyond its limits",
        False,
        "turn it back on the pendant's Move page",
    )
