"""`equigrasp calibrate workspace`: where the trays are, touched by the arm or seen by the camera."""

import numpy as np

from equigrasp.calibration.capture import capture_at_rest
from equigrasp.calibration.depth_capture import capture_depth
from equigrasp.calibration.pictures import draw_trays
from equigrasp.calibration.setup import Ask, CalibrationSetup, Say, now
from equigrasp.calibration.tray_corners import TrayFit, fit_tray
from equigrasp.calibration.tray_detection import find_tray
from equigrasp.devices.calibration import WorkspaceCalibration, save_calibration
from equigrasp.errors import CalibrationError


def run_workspace(
    setup: CalibrationSetup, *, by: str, inset: float, say: Say, ask: Ask
) -> dict[str, TrayFit]:
    """Find all trays of the cell and write them.

    Args:
        setup: Devices and files.
        by: `touch` (a person brings the TCP to the corners of each floor) or `see`.
        inset: How far inside the corner the TCP was held, along both walls [m].
        say: Told the result.
        ask: Asks for each corner.

    Raises:
        CalibrationError: if a tray is not found, no square, turned or tilted; nothing is written.
    """
    depth = capture_depth(setup) if by == "see" else None
    fits: dict[str, TrayFit] = {}
    corners: dict[str, np.ndarray] = {}
    for workspace in setup.workspaces:
        name = workspace.name
        if depth is None:
            corners[name] = _touch(setup, name, say, ask)
            expected = workspace.action_size_px * workspace.pixel_size - 2.0 * inset
            fits[name] = fit_tray(name, corners[name], expected)
        else:
            model, pose = setup.cell.camera.model, setup.t_base_camera
            corners[name] = find_tray(depth, model, pose, workspace)
            fits[name] = fit_tray(name, corners[name], None)
    calibration = setup.calibration
    source = "seen" if by == "see" else "touched"
    for name, fit in fits.items():
        calibration = calibration.with_workspace(_entry(name, fit, source))
    for line in report(fits, setup):
        say(line)
    save_calibration(setup.path, calibration)
    picture = setup.picture("trays")
    draw_trays(picture, setup.workspaces, corners)  # as written now
    say(f"picture: {picture}")
    say(f"written: {setup.path}")
    return fits


def report(fits: dict[str, TrayFit], setup: CalibrationSetup) -> list[str]:
    """Return the lines that a person judges the trays by."""
    lines = [
        "tray       centre x, y mm      moved by mm   floor z mm   yaw deg   side mm   off mm"
    ]
    for name, fit in fits.items():
        x, y = fit.center
        before = setup.configured.workspace(name)
        moved = 1000 * np.array([x - before.center_x, y - before.center_y])
        lines.append(
            f"{name:10s} {1000 * x:7.1f}, {1000 * y:7.1f}  {moved[0]:+6.1f}, {moved[1]:+6.1f} "
            f"{1000 * fit.floor_z:10.1f} {fit.yaw_deg:+10.2f} {1000 * fit.size:9.1f} "
            f"{fit.residual_mm:8.2f}"
        )
    for true in setup.true_workspaces:
        x, y = fits[true.name].center
        error = 1000 * np.hypot(x - true.center_x, y - true.center_y)
        rise = 1000 * (fits[true.name].floor_z - true.floor_z)
        lines.append(
            f"error against truth: {true.name} {error:.2f} mm sideways, {rise:+.2f} mm in height"
        )
    return lines


def _touch(setup: CalibrationSetup, name: str, say: Say, ask: Ask) -> np.ndarray:
    """Return three or four positions of the TCP at which a person said so, shape (K, 3) [m]."""
    say(
        f"Tray '{name}': bring the closed fingertips to the corners of its floor, three or four of "
        "them, always with the same yaw."
    )
    found: list[np.ndarray] = []
    while len(found) < 4:
        may_end = ", d: done" if len(found) == 3 else ""
        answer = ask(f"corner {len(found) + 1}. Enter: take it, u: undo{may_end} > ").strip()
        if answer == "d" and len(found) == 3:
            break
        if answer == "u" and found:
            found.pop()
        elif answer == "":
            try:
                positions, _ = capture_at_rest(setup.cell)
            except CalibrationError as error:
                say(f"  not taken: {error}")
                continue
            found.append(setup.planner.forward_kinematics(positions).position)
            say("  at " + ", ".join(f"{1000 * v:.1f}" for v in found[-1]) + " mm")
    return np.array(found)


def _entry(name: str, fit: TrayFit, source: str) -> WorkspaceCalibration:
    return WorkspaceCalibration(
        name,
        round(fit.center[0], 5),
        round(fit.center[1], 5),
        round(fit.floor_z, 5),
        now(),
        source,
        round(fit.yaw_deg, 3),
        round(fit.residual_mm, 3),
    )
