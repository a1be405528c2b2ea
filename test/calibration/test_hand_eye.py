"""Hand-eye calibration against known truth."""

import dataclasses

import numpy as np
import pytest
from rig import BOARD, MODEL, T_BASE_CAMERA, T_TCP_BOARD, disturbed, errors, picture, samples
from scipy.spatial.transform import Rotation

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.detection import BoardDetector, BoardView
from equigrasp.calibration.hand_eye import calibrate_hand_eye
from equigrasp.calibration.hand_eye_checks import principal_turns_deg
from equigrasp.calibration.hand_eye_refinement import Sample
from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform


def test_exact_data_give_the_exact_poses(detector: BoardDetector) -> None:
    result = calibrate_hand_eye(samples(0, noise_px=0.0, repeatability=0.0), detector, MODEL)
    for found, true in (
        (result.t_base_camera, T_BASE_CAMERA),
        (result.t_tcp_board, T_TCP_BOARD),
    ):
        distance, angle = errors(found, true)
        assert distance < 1e-6
        assert angle < 1e-6
    assert result.rms_px < 1e-6
    assert result.board_scale == pytest.approx(1.0, abs=1e-9)
    assert result.verdict == "good"
    assert result.advice == ""


def test_every_solver_of_opencv_agrees_on_exact_data(detector: BoardDetector) -> None:
    result = calibrate_hand_eye(samples(1, noise_px=0.0, repeatability=0.0), detector, MODEL)
    known = {"shah", "li", "tsai", "park", "horaud", "andreff", "daniilidis"}
    assert set(result.solver_rms_px) == known
    assert max(result.solver_rms_px.values()) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_realistic_noise_leaves_less_than_a_millimetre(detector: BoardDetector, seed: int) -> None:
    result = calibrate_hand_eye(samples(seed, count=25), detector, MODEL)
    distance, angle = errors(result.t_base_camera, T_BASE_CAMERA)
    assert distance < 1.0
    assert angle < 0.1
    assert result.verdict == "good"
    # The uncertainty that is stated is of the error's size.
    assert distance < 4.0 * result.position_std_mm
    assert result.position_std_mm < 1.0


def test_pictures_of_a_board_give_the_pose(detector: BoardDetector) -> None:
    rng = np.random.default_rng(8)
    seen = []
    for sample in samples(8, count=9, noise_px=0.0, repeatability=5e-5):
        true = disturbed(sample.t_base_tcp, rng, 5e-5, 0.01)
        seen.append(dataclasses.replace(sample, view=detector.detect(picture(true, rng))))
    result = calibrate_hand_eye(seen, detector, MODEL)
    distance, angle = errors(result.t_base_camera, T_BASE_CAMERA)
    assert distance < 1.0
    assert angle < 0.1


def test_a_pose_of_another_time_is_left_out_and_named(detector: BoardDetector) -> None:
    data = samples(2, count=16)
    wrong = Transform(data[4].t_base_tcp.position + [0.02, 0.0, 0.0], data[4].t_base_tcp.quat_xyzw)
    data[4] = dataclasses.replace(data[4], t_base_tcp=wrong)
    result = calibrate_hand_eye(data, detector, MODEL)
    assert len(result.dropped) == 1
    assert result.dropped[0].startswith("pose 5 (")
    assert errors(result.t_base_camera, T_BASE_CAMERA)[0] < 1.2


def test_many_poses_that_disagree_are_refused(detector: BoardDetector) -> None:
    data, rng = samples(3, count=12), np.random.default_rng(3)
    for i in (0, 3, 5, 7, 9):
        shifted = disturbed(data[i].t_base_tcp, rng, 0.03, 2.0)
        data[i] = dataclasses.replace(data[i], t_base_tcp=shifted)
    with pytest.raises(CalibrationError, match="Too many poses disagree"):
        calibrate_hand_eye(data, detector, MODEL)


def test_a_loose_board_is_not_called_good(detector: BoardDetector) -> None:
    result = calibrate_hand_eye(samples(4, count=12, repeatability=4e-3), detector, MODEL)
    assert result.verdict != "good"
    assert result.advice


def test_a_print_at_97_percent_is_refused_with_the_size_it_has(detector: BoardDetector) -> None:
    claimed = BoardDetector(BoardConfig(square_length=0.038 / 0.97, marker_length=0.028 / 0.97))
    assert detector.board == BOARD
    with pytest.raises(CalibrationError, match=r"look 38\.\d\d mm .* said to have 39\.18 mm"):
        calibrate_hand_eye(samples(5), claimed, MODEL)


def test_too_few_poses_are_refused(detector: BoardDetector) -> None:
    with pytest.raises(CalibrationError, match="7 poses .* at least 8"):
        calibrate_hand_eye(samples(0, count=7), detector, MODEL)


def test_turns_about_one_axis_only_are_refused(detector: BoardDetector) -> None:
    data = samples(0, count=10)
    about_z = [
        dataclasses.replace(
            s,
            t_base_tcp=Transform(
                s.t_base_tcp.position,
                (data[0].t_base_tcp.rotation * Rotation.from_euler("z", 0.1 * i)).as_quat(),
            ),
        )
        for i, s in enumerate(data)
    ]
    assert principal_turns_deg(about_z)[1] == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(CalibrationError, match=r"0\.0 deg about a second"):
        calibrate_hand_eye(about_z, detector, MODEL)


def test_poses_at_one_place_are_refused(detector: BoardDetector) -> None:
    data = samples(0, count=10)
    there = data[0].t_base_tcp.position
    still = [
        dataclasses.replace(s, t_base_tcp=Transform(there, s.t_base_tcp.quat_xyzw)) for s in data
    ]
    with pytest.raises(CalibrationError, match="The poses lie within 0 mm"):
        calibrate_hand_eye(still, detector, MODEL)


def test_corners_that_are_not_finite_are_refused(detector: BoardDetector) -> None:
    data = samples(0, count=10)
    bad = data[3].view.corners_px.copy()
    bad[0, 0] = np.nan
    data[3] = Sample(data[3].name, data[3].t_base_tcp, BoardView(data[3].view.ids, bad))
    with pytest.raises(CalibrationError, match="'pose 4' holds corners that are not finite"):
        calibrate_hand_eye(data, detector, MODEL)
