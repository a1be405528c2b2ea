"""Film strips of episodes in closed loop: what was seen, what the search valued, and what was chosen."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from equigrasp.experiments.runs.pictures import colorize, lay_out, point, save_picture
from equigrasp.experiments.servo.episode_row import EpisodeRow
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import CEM_SAMPLES, CROP, Decision
from equigrasp.methods.qt_opt.servo_step import ASKED
from equigrasp.perception.observation import Observation

Look = tuple[Observation, Decision[GripperStep]]
_SIDE, _BAR, _BAND = 240, 48, 46  # [px] of the crop, of the bar beside it and of the text above
_TOP = 0.12  # [m] height that is drawn brightest
_NUM_COLS = 6
_CHOSEN = (80, 255, 80)


class ServoStrips:
    """Draws the first episodes, one picture each: a panel a step.

    A panel shows the heights about the TCP in the network's frame, x down and y right, or the picture; in it where the
    last samples of the search would move the hand, bright where Q is high, and the chosen motion as an
    arrow. Beside it the same for up and down.

    Args:
        folder: Where pictures `<scene>_<episode>.png` go; made with the first one.
        count: How many there shall be; those of before count.
        pixel_size: Side of a cell of heights [m].
        largest: Step of dx, dy, dz [m] and dpsi [rad], shape (4,).
    """

    def __init__(self, folder: Path, count: int, pixel_size: float, largest: np.ndarray) -> None:
        self._folder, self._count = folder, count
        self._pixel_size, self._largest = pixel_size, largest

    def draw(self, row: EpisodeRow, looks: Sequence[Look]) -> None:
        """Draw an episode if pictures are missing."""
        if len(list(self._folder.glob("*.png"))) >= self._count:
            return
        panels = [self._panel(decision) for _, decision in looks]
        end = f"{row.ended_by}, {'held' if row.success else 'not held'}"
        _write(panels[-1], end, 38)
        strip = lay_out(panels, min(len(panels), _NUM_COLS))
        save_picture(self._folder / f"{row.scene}_{row.episode}.png", strip)

    def _panel(self, decision: Decision[GripperStep]) -> np.ndarray:
        crop, samples = decision.views[CROP], decision.views[CEM_SAMPLES]
        motion = decision.encoded[ASKED]
        scene = crop if crop.ndim == 3 else colorize(crop / _TOP, cv2.COLORMAP_VIRIDIS)
        scene = cv2.resize(scene, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST)
        bar = np.full((_SIDE, _BAR, 3), 40, np.uint8)
        colors = colorize(samples[:, None, -1], cv2.COLORMAP_INFERNO)[:, 0]
        for sample, color in zip(samples, colors, strict=True):
            shade = tuple(int(c) for c in color)
            if crop.ndim == 2:  # in a picture it is not known where that is
                cv2.circle(scene, point(self._place(sample, crop)), 3, shade, -1, cv2.LINE_AA)
            cv2.circle(bar, point(self._level(sample, 16)), 3, shade, -1, cv2.LINE_AA)
        if crop.ndim == 2:
            ends = point(np.full(2, _SIDE / 2)), point(self._place(motion, crop))
            cv2.arrowedLine(scene, *ends, _CHOSEN, 2, cv2.LINE_AA, tipLength=0.25)
        ends = point(self._level(np.zeros(4), 36)), point(self._level(motion, 36))
        cv2.arrowedLine(bar, *ends, _CHOSEN, 2, cv2.LINE_AA, tipLength=0.25)
        band = np.full((_BAND, _SIDE + _BAR, 3), 255, np.uint8)
        _write(band, caption(decision), 16)
        return np.vstack([band, np.hstack([scene, bar])])

    def _place(self, motion: np.ndarray, crop: np.ndarray) -> np.ndarray:
        """Return where a motion takes the TCP in the scene, as (x, y) of the picture [px]."""
        cell = _SIDE / crop.shape[0]
        return np.asarray(_SIDE / 2 + cell / self._pixel_size * motion[1::-1])

    def _level(self, motion: np.ndarray, column: int) -> np.ndarray:
        """Return where a motion takes the TCP in the bar, up and down."""
        share = motion[2] / self._largest[2]
        return np.array([column, _SIDE / 2 * (1.0 - 0.9 * share)])


def caption(decision: Decision[GripperStep]) -> str:
    """Return Q, turn, command and end of a step in words."""
    action = decision.action
    words = [f"Q {decision.value:.2f}", f"turn {np.degrees(action.d_theta):+.0f} deg"]
    words += [action.gripper] if action.gripper != "none" else []
    return ", ".join(words + (["end"] if action.is_final else []))


def _write(picture: np.ndarray, text: str, y: int) -> None:
    """Write a line of text into a picture, in place."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, (6, y), font, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
