"""Corners found in pictures whose geometry is known."""

import numpy as np
import pytest
from rig import MODEL, T_BASE_CAMERA, T_TCP_BOARD, corners_px, errors, picture, tcp_poses

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.detection import BoardDetector
from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.perception.rectification import Rectifier

BENT = (0.12, -0.25, 0.001, -0.0008, 0.08)


def test_corners_are_found_without_bias_to_a_tenth_of_a_pixel(detector: BoardDetector) -> None:
    rng = np.random.default_rng(3)
    for pose in tcp_poses(rng, 3):
        view = detector.detect(picture(pose, rng))
        error = view.corners_px - corners_px(pose)[view.ids]
        assert len(view.ids) == 24
        assert np.abs(error.mean(axis=0)).max() < 0.06  # a pixel's corner for its centre: 0.5
        assert error.std() < 0.12


def test_a_lens_that_bends_is_straightened(detector: BoardDetector) -> None:
    rng = np.random.default_rng(4)
    pose = tcp_poses(rng, 1)[0]
    bent = picture(pose, rng, distortion=BENT)
    straight = Rectifier(MODEL, BENT).color(bent)
    true = corners_px(pose)
    before, after = detector.detect(bent), detector.detect(straight)
    assert np.abs(before.corners_px - true[before.ids]).max() > 1.0
    assert np.abs(after.corners_px - true[after.ids]).mean() < 0.12


def test_a_straight_lens_leaves_images_as_they_are() -> None:
    image = np.zeros((MODEL.height_px, MODEL.width_px), np.float32)
    assert Rectifier(MODEL, ()).depth(image) is image
    assert Rectifier(MODEL, (0.0,) * 5).color(image) is image


def test_distortion_of_unknown_form_is_refused() -> None:
    with pytest.raises(ConfigError, match="0, 4, 5, 8, 12, 14 finite coefficients"):
        Rectifier(MODEL, (0.1, float("nan"), 0.0, 0.0))


def test_the_pose_of_the_board_is_found(detector: BoardDetector) -> None:
    rng = np.random.default_rng(5)
    pose = tcp_poses(rng, 1)[0]
    found = detector.pose(detector.detect(picture(pose, rng)), MODEL)
    distance, angle = errors(found, T_BASE_CAMERA.inverse() * pose * T_TCP_BOARD)
    assert distance < 2.0
    assert angle < 0.5


def test_a_picture_without_board_is_refused_with_what_was_seen(detector: BoardDetector) -> None:
    with pytest.raises(PerceptionError, match="0 of 24 corners, 0 markers"):
        detector.detect(np.full((480, 640, 3), 120, np.uint8))


def test_a_board_that_is_mostly_hidden_is_refused(detector: BoardDetector) -> None:
    rng = np.random.default_rng(6)
    pose = tcp_poses(rng, 1, tilt_deg=1.0)[0]
    image, corners = picture(pose, rng), corners_px(pose)
    image[:, int(np.sort(corners[:, 0])[6]) :] = 90
    with pytest.raises(PerceptionError, match="not seen well enough"):
        detector.detect(image)


@pytest.mark.parametrize("is_legacy", [True, False])
@pytest.mark.parametrize("squares", [(8, 6), (7, 6), (3, 8), (7, 5), (6, 5), (5, 12)])
def test_either_pattern_of_opencv_is_found(squares: tuple[int, int], is_legacy: bool) -> None:
    board = BoardConfig(*squares)
    for scene in (board.draw(60, 60, is_legacy=is_legacy), board.draw(23, 9, is_legacy=is_legacy)):
        detector = BoardDetector(board)
        view = detector.detect(scene)
        assert detector.is_legacy == (is_legacy and squares[1] % 2 == 0)
        assert len(view.ids) == (squares[0] - 1) * (squares[1] - 1)
        pitch = 60.0 if scene.shape[1] == squares[0] * 60 + 120 else 23.0
        margin = 60.0 if pitch == 60.0 else 9.0
        true = margin - 0.5 + pitch * detector.corners[view.ids, :2] / board.square_length
        assert np.abs(view.corners_px - true).max() < 0.5


def test_the_board_may_be_changed_meanwhile() -> None:
    board = BoardConfig(8, 6)
    detector = BoardDetector(board)
    for is_legacy in (True, False, True):
        detector.detect(board.draw(60, 60, is_legacy=is_legacy))
        assert detector.is_legacy is is_legacy


def test_markers_of_another_board_are_named() -> None:
    scene = BoardConfig(7, 10).draw(60, 60)
    with pytest.raises(PerceptionError, match="not as on a board of 10 x 6 .* before OpenCV 4.6"):
        BoardDetector(BoardConfig(10, 6)).detect(scene)
    with pytest.raises(PerceptionError, match="evenly lit"):
        BoardDetector(BoardConfig(7, 10, dictionary="DICT_6X6_50")).detect(scene)
