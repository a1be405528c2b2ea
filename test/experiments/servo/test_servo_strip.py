"""Film strips of episodes in closed loop."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from equigrasp.experiments.runs.pictures import load_picture
from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.experiments.servo.servo_strip import Look, ServoStrips, caption
from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import CEM_SAMPLES, CROP, Decision
from equigrasp.methods.qt_opt.servo_step import encode_motion
from equigrasp.perception.observation import HEIGHTMAP, Observation

WORKSPACE = Workspace("tray", 0.5, 0.0, 0.0, 0.3, 0.003125, 96)
LARGEST = np.array([0.05, 0.05, 0.06, 0.8])
ROW = EpisodeRow(4, 2, 1, "terminated", 2, 0, 0, 0, 0, math.nan, 4.5, 1.5)
GREEN = (80, 255, 80)


def _look(motion: tuple[float, float, float, float], crop: np.ndarray) -> Look:
    samples = np.zeros((5, 7), np.float32)
    samples[:, :4], samples[:, 6] = motion, np.linspace(0.1, 0.9, 5)
    dx, dy, dz, turn = motion
    decision = Decision(
        GripperStep((dx, dy, dz), turn, "close", is_final=True),
        encode_motion(np.array(motion), 2, False),
        0.83,
        {CROP: crop, CEM_SAMPLES: samples},
    )
    return Observation({HEIGHTMAP: np.zeros((96, 96), np.float32)}, WORKSPACE), decision


def _green(picture: np.ndarray) -> np.ndarray:
    """Return where the chosen motion is drawn, (row, col) each."""
    return np.argwhere((np.abs(picture.astype(int) - GREEN) < 30).all(axis=2))


def test_the_arrow_points_where_the_hand_goes(tmp_path: Path) -> None:
    strips = ServoStrips(tmp_path / "strips", 1, 0.0045, LARGEST)
    crop = np.zeros((32, 32), np.float32)
    strips.draw(ROW, [_look((0.04, 0.0, -0.05, 0.0), crop), _look((0.0, 0.04, 0.05, 0.1), crop)])
    strips.draw(replace(ROW, episode=3), [_look((0.0, 0.0, 0.0, 0.0), crop)])
    assert [p.name for p in (tmp_path / "strips").iterdir()] == ["4_2.png"]
    picture = load_picture(tmp_path / "strips" / "4_2.png")
    half = picture.shape[1] // 2
    down, right = picture[:, : half - 3], picture[:, half + 3 :]
    middle = down.shape[0] - 120
    first, second = _green(down[:, :240]), _green(right[:, :240])
    assert first[:, 0].max() > middle + 50 and abs(first[:, 1].mean() - 120) < 5  # x is down
    assert second[:, 1].max() > 120 + 50 and abs(second[:, 0].mean() - middle) < 5  # y is right
    assert _green(down[:, 240:])[:, 0].mean() > middle > _green(right[:, 240:])[:, 0].mean()


def test_a_picture_has_no_arrow_but_up_and_down(tmp_path: Path) -> None:
    strips = ServoStrips(tmp_path, 1, 0.0045, LARGEST)
    strips.draw(ROW, [_look((0.04, 0.0, 0.05, 0.0), np.full((64, 64, 3), 90, np.uint8))])
    picture = load_picture(tmp_path / "4_2.png")
    assert not len(_green(picture[:, :240])) and len(_green(picture[:, 240:]))


def test_a_caption_says_what_is_done() -> None:
    _, decision = _look((0.0, 0.0, 0.0, -0.5), np.zeros((8, 8), np.float32))
    assert caption(decision) == "Q 0.83, turn -29 deg, close, end"
