"""Hand-eye calibration of a camera beside the robot, from poses of a board on the gripper."""

from dataclasses import dataclass

import numpy as np

from equigrasp.calibration.detection import BoardDetector
from equigrasp.calibration.hand_eye_checks import (
    GOOD_NUM_POSES,
    MAX_SCALE_ERROR,
    check_samples,
    check_scale,
)
from equigrasp.calibration.hand_eye_refinement import Fit, Reprojection, Sample, rms
from equigrasp.calibration.hand_eye_solvers import closed_form_solutions
from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform
from equigrasp.perception.camera_model import CameraModel

_OUTLIER_FACTOR = 6.0  # a pose this many times worse than the good ones is left out
_OUTLIER_PX = 1.5  # [px] but never one that is better than this
_MAX_OUTLIER_SHARE = 0.25
_EXPLAINED = 0.7  # another board size must shrink the error to this share to be blamed for it
_QUICK = 1e-8  # tolerance where the start is nearly there
_GOOD = (1.0, 0.1)  # held-out error [mm], standard deviation of the camera's rotation [deg]
_USABLE = (3.0, 0.3)


@dataclass(frozen=True)
class PoseResidual:
    """How well one pose agrees with the calibration.

    Args:
        name: Name of the pose.
        rms_px: Root mean square of its corners' reprojection errors.
        held_out_px: The same, by the calibration from all other poses.
        held_out_mm: What that is at the board's distance.
        held_out_deg: Angle between the board as predicted and as the camera sees it.
    """

    name: str
    rms_px: float
    held_out_px: float
    held_out_mm: float
    held_out_deg: float


@dataclass(frozen=True, eq=False)
class HandEyeResult:
    """A judged calibration.

    Args:
        t_base_camera: Pose of the optical frame in base.
        t_tcp_board: Pose of the board in the TCP frame.
        solver_rms_px: Reprojection error of each closed-form solver; the best was refined.
        poses: Residuals of the poses that were used.
        dropped: Names of the poses that were left out, with their error.
        board_scale: How large the board looks against the arm's distances; 1 is as said.
        position_std_mm: Standard deviation of the camera's position, by leaving out each pose.
        rotation_std_deg: The same of its rotation.
    """

    t_base_camera: Transform
    t_tcp_board: Transform
    solver_rms_px: dict[str, float]
    poses: tuple[PoseResidual, ...]
    dropped: tuple[str, ...]
    board_scale: float
    position_std_mm: float
    rotation_std_deg: float
    errors_px: tuple[np.ndarray, ...] = ()

    @property
    def rms_px(self) -> float:
        """Root mean square reprojection error of all poses [px]."""
        return _rms_of([p.rms_px for p in self.poses])

    @property
    def held_out_px(self) -> float:
        """The same for poses that the calibration did not see [px]."""
        return _rms_of([p.held_out_px for p in self.poses])

    @property
    def held_out_mm(self) -> float:
        """The same at the board's distance [mm]."""
        return _rms_of([p.held_out_mm for p in self.poses])

    @property
    def held_out_deg(self) -> float:
        """Angle between boards as predicted and as seen, root mean square [deg]."""
        return _rms_of([p.held_out_deg for p in self.poses])

    @property
    def verdict(self) -> str:
        """`good`, `usable` or `bad`."""
        found = (self.held_out_mm, self.rotation_std_deg)
        if abs(self.board_scale - 1.0) > MAX_SCALE_ERROR:
            return "bad"
        if all(f <= limit for f, limit in zip(found, _GOOD, strict=True)):
            return "good"
        if all(f <= limit for f, limit in zip(found, _USABLE, strict=True)):
            return "usable"
        return "bad"

    @property
    def advice(self) -> str:
        """What to do to make it better; empty where nothing is."""
        if self.verdict == "good":
            return ""
        if len(self.poses) < GOOD_NUM_POSES:
            return f"Take {GOOD_NUM_POSES} poses or more, with more tilt."
        if self.held_out_mm > _GOOD[0]:
            return (
                "Look for a board that is loose or not flat, blurred images, an arm that was not "
                "at rest, or intrinsics that are not this camera's."
            )
        return "Tilt the board more, about both axes, and cover the corners of the image."


def calibrate_hand_eye(
    samples: list[Sample], detector: BoardDetector, model: CameraModel
) -> HandEyeResult:
    """Find where the camera is.

    The best of OpenCV's closed-form solutions is refined by least squares on the reprojection
    error; poses far off the others are left out and named; each pose that stays is predicted by
    a calibration without it.

    Raises:
        CalibrationError: if the poses cannot determine the camera, disagree, or the board's size
            does not fit the arm's motion.
        PerceptionError: if the corners of a pose fit no board.
    """
    check_samples(samples)
    boards = [detector.pose(s.view, model) for s in samples]
    fit, solvers = _best_closed_form(samples, boards, detector, model)
    kept, dropped = _without_outliers(samples, fit, detector, model)
    check_samples(kept)
    problem = Reprojection(kept, detector.corners, model)
    fit = problem.refine(fit)
    scaled = problem.refine(fit, has_scale=True)
    rms_px, scaled_rms_px = (rms(np.concatenate(problem.errors_px(f))) for f in (fit, scaled))
    if scaled_rms_px < _EXPLAINED * rms_px:
        check_scale(scaled.board_scale, detector.board.square_length)
    boards = [b for s, b in zip(samples, boards, strict=True) if s in kept]
    poses, position_std, rotation_std = _leave_one_out(kept, boards, fit, detector, model)
    return HandEyeResult(
        fit.t_base_camera, fit.t_tcp_board, solvers, poses, dropped, scaled.board_scale,
        position_std, rotation_std, tuple(problem.errors_px(fit)),
    )  # fmt: skip


def _without_outliers(
    samples: list[Sample], fit: Fit, detector: BoardDetector, model: CameraModel
) -> tuple[list[Sample], tuple[str, ...]]:
    """Return the samples that agree, and names of the others, found one by one."""
    kept, dropped = list(samples), list[str]()
    while True:
        problem = Reprojection(kept, detector.corners, model)
        fit = problem.refine(fit, tolerance=_QUICK)
        errors = [rms(e) for e in problem.errors_px(fit)]
        worst = int(np.argmax(errors))
        # The lower quartile is of good poses even where nearly half of them are bad.
        if errors[worst] <= max(_OUTLIER_PX, _OUTLIER_FACTOR * float(np.quantile(errors, 0.25))):
            return kept, tuple(dropped)
        dropped.append(f"{kept[worst].name} ({errors[worst]:.1f} px)")
        del kept[worst]
        if len(dropped) > _MAX_OUTLIER_SHARE * len(samples):
            raise CalibrationError(
                f"Too many poses disagree with the others: {', '.join(dropped)}. Is the board "
                "loose, or are the arm's positions of another time than the images?"
            )


def _best_closed_form(
    samples: list[Sample], boards: list[Transform], detector: BoardDetector, model: CameraModel
) -> tuple[Fit, dict[str, float]]:
    """Return the solution with the least median error: one wild pose does not decide it."""
    problem = Reprojection(samples, detector.corners, model)
    solutions = closed_form_solutions([s.t_base_tcp for s in samples], boards)
    fits = {name: Fit(camera, board) for name, (camera, board) in solutions.items()}
    if not fits:
        raise CalibrationError("None of OpenCV's solvers found a solution for these poses.")
    medians = {
        name: float(np.median([rms(e) for e in problem.errors_px(fit)]))
        for name, fit in fits.items()
    }
    return fits[min(medians, key=lambda n: medians[n])], medians


def _leave_one_out(
    samples: list[Sample],
    boards: list[Transform],
    fit: Fit,
    detector: BoardDetector,
    model: CameraModel,
) -> tuple[tuple[PoseResidual, ...], float, float]:
    """Predict each pose from the others; return the residuals and the jackknife's deviations."""
    problem = Reprojection(samples, detector.corners, model)
    inner = problem.errors_px(fit)
    residuals, positions, turns = [], [], []
    for i, sample in enumerate(samples):
        rest = Reprojection(samples[:i] + samples[i + 1 :], detector.corners, model)
        others = rest.refine(fit, tolerance=_QUICK)
        outer = rms(Reprojection([sample], detector.corners, model).errors_px(others)[0])
        predicted = others.t_base_camera.inverse() * sample.t_base_tcp * others.t_tcp_board
        turn = (predicted.rotation.inv() * boards[i].rotation).magnitude()
        metres = outer * predicted.position[2] / model.fx_px
        residuals.append(
            PoseResidual(sample.name, rms(inner[i]), outer, 1000 * metres, float(np.rad2deg(turn)))
        )
        positions.append(others.t_base_camera.position)
        turns.append(
            (fit.t_base_camera.rotation.inv() * others.t_base_camera.rotation).as_rotvec()
        )
    return tuple(residuals), 1000 * _jackknife(positions), float(np.rad2deg(_jackknife(turns)))


def _jackknife(values: list[np.ndarray]) -> float:
    """Return the standard deviation of an estimate (length of three) from its leave-one-outs."""
    found = np.array(values)
    count = len(found)
    variance = (count - 1) / count * ((found - found.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.sqrt(variance.sum()))


def _rms_of(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
