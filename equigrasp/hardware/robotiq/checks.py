"""Step by step, whether a Robotiq gripper can be driven; moves nothing, activates nothing."""

from collections.abc import Iterator

from equigrasp.devices.cell import GripperConfig
from equigrasp.devices.finding import Finding
from equigrasp.errors import EquigraspError
from equigrasp.hardware.port_check import check_port
from equigrasp.hardware.robotiq import faults
from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.hardware.robotiq.make import make_link
from equigrasp.hardware.robotiq.registers import Activation, Status

_NO_SERVER = "install the Robotiq Grippers URCap and scan for the gripper on its installation page"
_NO_ANSWER = "check the gripper's cable and its 24 V supply; see docs/hardware/robotiq.md"


def check_robotiq(gripper: GripperConfig, config: RobotiqConfig) -> Iterator[Finding]:
    """Yield findings: port, answer, activation, fault; ends where no more can be asked."""
    if config.transport == "urcap":
        port = check_port("gripper's URCap", config.host, config.port, _NO_SERVER)
        yield port
        if not port.is_ok:
            return
    link = make_link(config)
    try:
        link.open()
        status = link.read()
    except (EquigraspError, ImportError) as error:
        yield Finding(f"gripper: {error}", False, _NO_ANSWER)
        return
    finally:
        link.close()
    yield Finding(f"gripper answers: position {status.position} of 255", True)
    yield _activation(status)
    if status.fault >= faults.FIRST_MINOR:
        yield Finding(f"gripper: {faults.describe(status.fault)}", False, "see the line above")


def _activation(status: Status) -> Finding:
    if status.activation is Activation.COMPLETE:
        return Finding("gripper is activated", True)
    # No fault of the cell: the driver activates the gripper.
    return Finding("gripper is not activated: its fingers open and close at the next start", True)
