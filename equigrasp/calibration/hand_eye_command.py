"""`equigrasp calibrate hand-eye`: from poses to a judged file."""

import dataclasses

import numpy as np

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.detection import BoardDetector
from equigrasp.calibration.hand_eye import HandEyeResult, calibrate_hand_eye
from equigrasp.calibration.hand_eye_poses import HandEyePoses
from equigrasp.calibration.pictures import draw_hand_eye
from equigrasp.calibration.setup import Ask, CalibrationSetup, Say, now
from equigrasp.devices.calibration import CameraCalibration, save_calibration
from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform


def run_hand_eye(
    setup: CalibrationSetup,
    board: BoardConfig,
    *,
    count: int,
    is_guided: bool,
    is_dry_run: bool,
    say: Say,
    ask: Ask,
) -> HandEyeResult | None:
    """Collect poses, calibrate, draw, and write the file if the result may be used.

    Returns:
        The result; None after a dry run.

    Raises:
        CalibrationError: if the data are unfit or the verdict is `bad`; nothing is written then.
    """
    detector = BoardDetector(board)
    poses = HandEyePoses(setup, detector, say)
    if is_guided:
        poses.guided(ask)
    else:
        poses.automatic(count, is_dry_run=is_dry_run)
        if is_dry_run:
            return None
    if board.has_legacy_pattern:
        say(f"pattern of the board: {_pattern(detector)}")
    model = setup.cell.camera.model
    result = calibrate_hand_eye(poses.samples, detector, model)
    picture = setup.picture("hand_eye")
    draw_hand_eye(picture, result, poses.samples, poses.pictures, model)
    for line in report(result, setup):
        say(line)
    say(f"picture: {picture}")
    if result.verdict == "bad":
        raise CalibrationError(f"The result is bad and was not written. {result.advice}")
    found = dataclasses.replace(setup.calibration, camera=_entry(result, setup, detector))
    save_calibration(setup.path, found)
    say(f"written: {setup.path}")
    return result


def report(result: HandEyeResult, setup: CalibrationSetup) -> list[str]:
    """Return the lines that a person judges a calibration by."""
    lines = ["pose      rms px   held out: px      mm     deg"]
    for p in result.poses:
        lines.append(
            f"{p.name:8s} {p.rms_px:7.2f} {p.held_out_px:14.2f} {p.held_out_mm:7.2f} "
            f"{p.held_out_deg:7.2f}"
        )
    lines += [f"left out: {name}" for name in result.dropped]
    solvers = ", ".join(f"{n} {v:.2f}" for n, v in sorted(result.solver_rms_px.items()))
    lines += [
        f"all      {result.rms_px:7.2f} {result.held_out_px:14.2f} {result.held_out_mm:7.2f} "
        f"{result.held_out_deg:7.2f}",
        f"closed-form solvers, median px: {solvers}",
        f"board against arm: {100 * (result.board_scale - 1):+.2f} %",
        f"camera: position {_text(result.t_base_camera.position)} m, "
        f"quat_xyzw {_text(result.t_base_camera.quat_xyzw)}",
        f"uncertainty (standard deviation): {result.position_std_mm:.2f} mm, "
        f"{result.rotation_std_deg:.3f} deg",
        _difference("moved by", result.t_base_camera, setup.t_base_camera),
    ]
    if setup.true_t_base_camera is not None:
        lines.append(
            _difference("error against truth:", result.t_base_camera, setup.true_t_base_camera)
        )
    return [*lines, f"verdict: {result.verdict}. {result.advice}".rstrip()]


def _difference(what: str, found: Transform, other: Transform) -> str:
    distance = 1000 * float(np.linalg.norm(found.position - other.position))
    angle = np.rad2deg((other.rotation.inv() * found.rotation).magnitude())
    return f"{what} {distance:.2f} mm, {angle:.3f} deg"


def _text(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{v:.5f}" for v in values) + ")"


def _pattern(detector: BoardDetector) -> str:
    return "of before OpenCV 4.6" if detector.is_legacy else "OpenCV's of today"


def _entry(
    result: HandEyeResult, setup: CalibrationSetup, detector: BoardDetector
) -> CameraCalibration:
    board, pattern = detector.board, f", {_pattern(detector)}" * detector.is_legacy
    pose = result.t_base_camera
    x, y, z = (round(float(v), 6) for v in pose.position)
    qx, qy, qz, qw = (round(float(v), 8) for v in pose.quat_xyzw)
    return CameraCalibration(
        name=setup.camera.name,
        position=(x, y, z),
        quat_xyzw=(qx, qy, qz, qw),
        date=now(),
        verdict=result.verdict,
        num_poses=len(result.poses),
        rms_px=round(result.rms_px, 3),
        held_out_px=round(result.held_out_px, 3),
        held_out_mm=round(result.held_out_mm, 3),
        held_out_deg=round(result.held_out_deg, 3),
        position_std_mm=round(result.position_std_mm, 3),
        rotation_std_deg=round(result.rotation_std_deg, 4),
        board_scale=round(result.board_scale, 5),
        board=f"{board.squares_x} x {board.squares_y} squares of {1000 * board.square_length:g} mm, "
        f"markers of {1000 * board.marker_length:g} mm, {board.dictionary}{pattern}",
        serial=setup.serial,
        dropped=result.dropped,
    )
