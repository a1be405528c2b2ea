"""`equigrasp doctor`: check machine, installation and configuration, or a robot cell."""

import argparse
from collections.abc import Iterable
from typing import Any

from equigrasp.devices.finding import Finding
from equigrasp.diagnosis.environment import examine_environment, import_problem


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    doctor = commands.add_parser(
        "doctor", help="check machine, installation and configuration, or a robot cell"
    )
    doctor.add_argument("--cell", default="", help="also check this cell's devices; moves nothing")
    doctor.add_argument("--robot-ip", default="", help="the robot controller's address")
    doctor.add_argument("--gripper-driver", default="", help="name below config/gripper_drivers")
    doctor.add_argument("--gripper-host", default="", help="address of the gripper's URCap")
    doctor.add_argument("--gripper-device", default="", help="serial port of the gripper")
    doctor.add_argument("--camera-source", default="", help="device, bag:FILE or tcp://HOST:PORT")
    doctor.add_argument("--camera-serial", default="", help="serial number of the camera")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    findings = examine_environment()
    _print_findings(findings)
    try:
        from equigrasp.diagnosis.cell_doctor import CellToExamine, examine_cell
        from equigrasp.diagnosis.doctor import examine
    except Exception as error:  # whatever a package of another Python raises
        _print_findings([import_problem(error)])
        return 1
    found = examine(can_ros_start=all(f.is_ok for f in findings))
    _print_findings(found)
    findings += found
    if options.cell:
        cell = CellToExamine(
            options.cell,
            options.robot_ip,
            options.gripper_driver,
            options.gripper_host,
            options.gripper_device,
            options.camera_source,
            options.camera_serial,
        )
        for finding in examine_cell(cell):  # each as it comes: some take seconds
            _print_findings([finding])
            findings.append(finding)
    return 0 if all(f.is_ok for f in findings) else 1


def _print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        print(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.what}", flush=True)
        if not finding.is_ok:
            print(f"     to fix it: {finding.remedy}", flush=True)
