"""What is seen as the networks take it."""

from dataclasses import dataclass

import numpy as np
import torch

from equigrasp.learning.clipped_double_q import States
from equigrasp.learning.cross_entropy_method import SearchSpace
from equigrasp.methods.qt_opt.config import ActingConfig, ActionConfig, NetworkConfig, QtOptConfig
from equigrasp.methods.qt_opt.mirrors import mirrored_bounds, mirrored_images, motion_signs
from equigrasp.perception.observation import GRIPPER
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    unpack_ages,
    unpack_heights,
)
from equigrasp.replay.step import Arrays

NUM_CHANNELS = 3  # height, height above the TCP, freshness; or red, green, blue
_HEIGHT_SCALE = 10.0  # [1/m]
_FRESH_TIME = 2.0  # after which freshness falls to 1/e [s]
_LARGEST_OPENING = 0.085  # [m]
_GRAY = (0.299, 0.587, 0.114)  # luminance of red, green, blue


@dataclass(frozen=True, eq=False)
class Seen:
    """B observations, each perhaps mirrored.

    Args:
        images: Shape (B, 3, S, S).
        status: State of the gripper, as the network is told, shape (B, P).
        low: Smallest motion, in units of the largest step, shape (B, 4).
        high: Largest motion, shape (B, 4).
        may_end: Whether the policy may end the episode, shape (B,), bool.
        is_closed: Whether the fingers are closed, shape (B,), bool.
    """

    images: torch.Tensor
    status: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    may_end: torch.Tensor
    is_closed: torch.Tensor

    @property
    def states(self) -> States:
        """What critics encode."""
        return self.images, self.status

    def where(self, mask: torch.Tensor) -> "Seen":
        """Return those where a mask (B,) is set."""
        return Seen(
            self.images[mask],
            self.status[mask],
            self.low[mask],
            self.high[mask],
            self.may_end[mask],
            self.is_closed[mask],
        )

    def space(self, acting: ActingConfig) -> SearchSpace:
        """Return where actions are searched for; first shares are those of the exploring policy.

        A command that would change nothing is none: what is never done is never learned to be worthless.
        """
        _, toggle, end = acting.exploration_shares
        always = torch.ones_like(self.may_end)
        commands = torch.stack([always, self.is_closed, ~self.is_closed], 1)  # as `COMMANDS`
        ends = torch.stack([always, self.may_end], 1)
        shares = (1.0 - toggle, toggle, toggle), (1.0 - end, end)
        return SearchSpace(self.low, self.high, (commands, ends), shares)


@dataclass(frozen=True, eq=False)
class Views:
    """How each of B observations is looked at.

    Args:
        offsets: First row and column of the square that is seen, shape (B, 2), int.
        mirrors: Axes that are mirrored, shape (B, 2), bool.
        distortions: Added brightness, factors of contrast and saturation, shape (B, 3); None: none.
    """

    offsets: np.ndarray
    mirrors: np.ndarray
    distortions: np.ndarray | None = None


def slack(network: NetworkConfig) -> tuple[int, int]:
    """Return by how many cells, or pixels, what is stored is taller and wider than what is seen."""
    if network.observation == "heights":
        return 2 * network.crop_margin_px, 2 * network.crop_margin_px
    rows, cols = network.camera_px
    return rows - network.crop_px, cols - network.crop_px


def central_view(network: NetworkConfig, mirrors: tuple[bool, bool] = (False, False)) -> Views:
    """Return the look of one who acts: the middle."""
    rows, cols = slack(network)
    return Views(np.array([[rows // 2, cols // 2]]), np.array([mirrors]))


def cut(network: NetworkConfig, array: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the square that is seen of a stored array (H, W, ...)."""
    (row, col), size = offset.tolist(), network.crop_px
    return array[row : row + size, col : col + size]


def see(config: QtOptConfig, observed: list[Arrays], views: Views, device: torch.device) -> Seen:
    """Return B observations, as steps hold them, as the networks take them."""
    network, action = config.network, config.action
    gripper = np.stack([arrays[GRIPPER] for arrays in observed])  # (B, 5)
    bounds = np.stack([arrays[BOUNDS] for arrays in observed])  # (B, 2, 4)
    is_color = network.observation == "color"
    images = (_colors if is_color else _heights)(network, observed, views)
    mirrors = torch.from_numpy(np.asarray(views.mirrors, bool))
    largest = torch.tensor(action.largest_step)
    low, high = (torch.from_numpy(bounds[:, n]) / largest for n in (0, 1))
    low, high = mirrored_bounds(low.clamp(-1.0, 1.0), high.clamp(-1.0, 1.0), motion_signs(mirrors))
    seen = (
        mirrored_images(torch.from_numpy(images), mirrors),
        torch.from_numpy(_status(network, gripper)),
        low,
        high,
        torch.from_numpy(may_end(action, gripper)),
        torch.from_numpy(gripper[:, 2] > 0.5),
    )
    return Seen(*(tensor.to(device) for tensor in seen))


def may_end(action: ActionConfig, gripper: np.ndarray) -> np.ndarray:
    """Return whether the policy may end an episode, shape (B,), from states of the gripper (B, 5)."""
    if action.termination == "learned":
        return np.ones(len(gripper), bool)
    if action.termination == "scripted":
        return np.zeros(len(gripper), bool)
    return np.asarray((gripper[:, 2] > 0.5) & (gripper[:, 0] > action.success_height))


def num_status(network: NetworkConfig) -> int:
    """Return how many numbers tell the network the state of the gripper."""
    return 2 if network.kind == "published" else 5


def _status(network: NetworkConfig, gripper: np.ndarray) -> np.ndarray:
    """Return the numbers that tell the gripper's state, shape (B, P); those that `state` hides are 0."""
    height, opening, closed, stalled, left = gripper.T
    is_full, is_status = network.state == "full", network.state != "image"
    height = height * _HEIGHT_SCALE * is_full
    told = [height, opening / _LARGEST_OPENING * is_status, closed * is_status]
    told += [stalled * is_status, left * is_full]
    if network.kind == "published":
        told = [closed * is_status, height]
    return np.stack(told, 1).astype(np.float32)


def _heights(network: NetworkConfig, observed: list[Arrays], views: Views) -> np.ndarray:
    """Return heights, heights above the TCP (0 where it is hidden) and freshness, shape (B, 3, S, S)."""
    pairs = list(zip(observed, views.offsets, strict=True))
    heights = unpack_heights(np.stack([cut(network, a[HEIGHTS], o) for a, o in pairs]))
    ages = unpack_ages(np.stack([cut(network, a[AGE], o) for a, o in pairs]))
    above = np.zeros_like(heights)
    if network.state == "full":
        above = heights - np.array([a[GRIPPER][0] for a in observed])[:, None, None]
    layers = _HEIGHT_SCALE * heights, _HEIGHT_SCALE * above, np.exp(-ages / _FRESH_TIME)
    return np.stack(layers, 1).astype(np.float32)


def _colors(network: NetworkConfig, observed: list[Arrays], views: Views) -> np.ndarray:
    """Return pictures in [0, 1], shape (B, 3, S, S), with brightness, contrast and saturation varied."""
    pairs = zip(observed, views.offsets, strict=True)
    images = np.stack([cut(network, a[PICTURE], o) for a, o in pairs]).astype(np.float32)
    images /= np.float32(255.0)
    if views.distortions is not None:
        brightness, contrast, saturation = (
            d.astype(np.float32)[:, None, None, None] for d in views.distortions.T
        )
        images = images + brightness
        means = images.mean((1, 2), keepdims=True)
        images = means + contrast * (images - means)
        gray = (images * np.array(_GRAY, np.float32)).sum(3, keepdims=True)
        images = np.clip(gray + saturation * (images - gray), 0.0, 1.0)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
