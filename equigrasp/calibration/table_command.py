"""`equigrasp calibrate table`: do the empty trays look level, and at height zero?"""

import dataclasses

import numpy as np

from equigrasp.calibration.depth_capture import capture_depth
from equigrasp.calibration.pictures import draw_table
from equigrasp.calibration.setup import CalibrationSetup, Say, now
from equigrasp.calibration.table import Floor, TableResult, fit_floor
from equigrasp.devices.calibration import Calibration, WorkspaceCalibration, save_calibration
from equigrasp.errors import CalibrationError
from equigrasp.perception.heightmap import heightmap_from_depth

_BELOW = 0.02  # [m] drawn below the floor


def run_table(setup: CalibrationSetup, *, apply: str, say: Say) -> TableResult:
    """Fit the floors, report, and write what `apply` says.

    Args:
        setup: Devices and files.
        apply: `nothing`, `camera` (turn and lift the camera's pose) or `floor` (set floor_z).
        say: Told the result.

    Raises:
        CalibrationError: if the trays are not empty or not seen, or the verdict is `bad`.
    """
    depth = capture_depth(setup)
    pose, model = setup.t_base_camera, setup.cell.camera.model
    result = TableResult(tuple(fit_floor(depth, model, pose, w) for w in setup.workspaces))
    maps = []
    for workspace in setup.workspaces:
        lowered = dataclasses.replace(workspace, floor_z=workspace.floor_z - _BELOW)
        maps.append(heightmap_from_depth(depth, model, pose, lowered) - _BELOW)
    picture = setup.picture("table")
    draw_table(picture, result, maps)
    for line in report(result):
        say(line)
    say(f"picture: {picture}")
    if result.verdict == "bad":
        raise CalibrationError(f"The table check failed; nothing was written. {result.advice}")
    if apply == "camera":
        save_calibration(setup.path, _with_camera(setup, result))
    elif apply == "floor":
        save_calibration(setup.path, _with_floors(setup, result))
    if apply != "nothing":
        say(f"written: {setup.path}")
    return result


def report(result: TableResult) -> list[str]:
    """Return the lines that a person judges the table by."""
    lines = ["tray       height mm   dz/dx deg   dz/dy deg   noise mm   points"]
    for f in result.floors:
        sx, sy = np.rad2deg(f.slopes)
        lines.append(
            f"{f.workspace.name:10s} {f.offset_mm:+9.2f} {sx:+11.3f} {sy:+11.3f} "
            f"{f.noise_mm:10.2f} {f.num_points:8d}"
        )
    return [
        *lines,
        f"tilt {result.tilt_deg:.3f} deg, height {result.offset_mm:+.2f} mm above the configured floor",
        f"verdict: {result.verdict}. {result.advice}".rstrip(),
    ]


def _with_camera(setup: CalibrationSetup, result: TableResult) -> Calibration:
    calibration = setup.calibration
    if calibration.camera is None:
        raise CalibrationError(
            f"{setup.path} holds no camera to correct: run `equigrasp calibrate hand-eye` first."
        )
    corrected = result.corrected(calibration.camera.t_base_camera)
    x, y, z = (round(float(v), 6) for v in corrected.position)
    qx, qy, qz, qw = (round(float(v), 8) for v in corrected.quat_xyzw)
    camera = dataclasses.replace(
        calibration.camera,
        position=(x, y, z),
        quat_xyzw=(qx, qy, qz, qw),
        correction=f"table, {now()}: tilt {result.tilt_deg:.3f} deg, height {result.offset_mm:+.2f} mm",
    )
    return dataclasses.replace(calibration, camera=camera)


def _with_floors(setup: CalibrationSetup, result: TableResult) -> Calibration:
    calibration = setup.calibration
    known = {w.name: w for w in calibration.workspaces}
    for floor in result.floors:
        calibration = calibration.with_workspace(_with_floor(known, floor))
    return calibration


def _with_floor(known: dict[str, WorkspaceCalibration], floor: Floor) -> WorkspaceCalibration:
    w, height = floor.workspace, round(floor.height, 5)
    if w.name in known:
        return dataclasses.replace(known[w.name], floor_z=height, date=now())
    return WorkspaceCalibration(w.name, w.center_x, w.center_y, height, now(), "floor")
