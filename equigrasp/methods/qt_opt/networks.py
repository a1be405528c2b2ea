"""The Q-network of a configuration, and how it values candidates."""

from typing import Any

import torch

from equigrasp.learning.clipped_double_q import States
from equigrasp.learning.cross_entropy_method import Candidates
from equigrasp.learning.precision import Precision, in_precision
from equigrasp.methods.qt_opt.config import NetworkConfig, QtOptConfig
from equigrasp.methods.qt_opt.mirrors import IMAGES, mirrored_images, motion_signs
from equigrasp.methods.qt_opt.servo_step import COMMANDS
from equigrasp.methods.qt_opt.states import NUM_CHANNELS, num_status
from equigrasp.networks.gripper_frame_network import GripperFrameNetwork
from equigrasp.networks.qt_opt_network import NUM_ACTION_VALUES, QtOptNetwork
from equigrasp.seeding import Stream, derive_seed

Q = "q"  # name of the network
_OPEN, _CLOSE = COMMANDS.index("open"), COMMANDS.index("close")


def make_networks(config: QtOptConfig, seed: int) -> dict[str, torch.nn.Module]:
    """Build the network with weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, Stream.NETWORKS))
        return {Q: _make_network(config.network)}


def _make_network(network: NetworkConfig) -> torch.nn.Module:
    if network.kind == "published":
        return QtOptNetwork(
            network.crop_px,
            network.width,
            network.pools,
            network.num_convolutions,
            network.norm_momentum,
            NUM_CHANNELS,
        )
    return GripperFrameNetwork(
        network.crop_px,
        NUM_CHANNELS,
        num_status(network),
        NUM_ACTION_VALUES,
        network.width,
        network.hidden,
        network.heads,
        network.merge,
    )


class QCritic:
    """Values candidates by a network; see `Critic`.

    Args:
        config: How actions are told to it.
        network: Of the configuration.
        is_symmetric: Whether each candidate is valued in all four mirror images: their logits come as those
            of four times the heads, so that the mean over heads is symmetric.
        precision: Of the network; logits are float32.
    """

    def __init__(
        self,
        config: QtOptConfig,
        network: torch.nn.Module,
        is_symmetric: bool,
        precision: Precision = "float32",
    ) -> None:
        self._network, self._precision = network, precision
        self._largest_turn = config.action.largest_step[3]
        self._is_end_told = config.action.termination != "scripted"
        self._images = IMAGES if is_symmetric else IMAGES[:1]

    def encode(self, states: States) -> Any:
        """Return what all actions in states, images (B, 3, S, S) and status (B, P), share."""
        images, status = states
        size = len(images)
        mirrored = [
            mirrored_images(images, torch.tensor(m, device=images.device).expand(size, 2))
            for m in self._images
        ]
        seen = torch.cat(mirrored), status.repeat(len(mirrored), 1)
        with in_precision(self._precision, images.device):
            return self._network.encode(*seen)  # type: ignore[operator]

    def logits(self, features: Any, candidates: Candidates) -> torch.Tensor:
        """Return logits of candidates (B, N), shape (B, N, heads)."""
        size, device = len(candidates.motion), candidates.motion.device
        signs = motion_signs(torch.tensor(self._images, device=device))  # (images, 4)
        motion = (candidates.motion * signs[:, None, None]).flatten(0, 1)
        choices = candidates.choices.repeat(len(signs), 1, 1)
        told = self._told(motion, choices)
        with in_precision(self._precision, device):
            logits = self._network.logits(features, told).float()  # type: ignore[operator]
        return torch.cat(list(logits.unflatten(0, (len(signs), size))), -1)

    def _told(self, motion: torch.Tensor, choices: torch.Tensor) -> torch.Tensor:
        """Return actions as the network takes them, shape (B, N, 8)."""
        turn = motion[..., 3] * self._largest_turn
        command, end = choices.unbind(-1)
        told = (
            motion[..., 0],
            motion[..., 1],
            motion[..., 2],
            torch.sin(turn),
            torch.cos(turn),
            command == _CLOSE,
            command == _OPEN,
            end * int(self._is_end_told),
        )
        return torch.stack([value.to(motion) for value in told], -1)
