"""The loss terms (paper, section 5.2, equations 10 to 12)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch.nn import functional

from equigrasp.networks.outputs import success_probability

Loss = Literal["smooth_l1", "cross_entropy"]
Error = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def error_of(loss: Loss) -> Error:
    """Return the mean error of a network's outputs, shape (B, C, ...), against targets (B, ...).

    `smooth_l1` of the predicted probability is the paper's: what a network wrongly takes for certain
    hardly moves it, since the softmax is flat there. `cross_entropy` (as in QT-Opt, section 4.2) pulls
    the harder, the more certain the mistake; it needs outputs of two channels and targets in [0, 1].
    """
    return _smooth_l1 if loss == "smooth_l1" else _cross_entropy


def _smooth_l1(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.smooth_l1_loss(success_probability(outputs), targets)


def _cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    shares = torch.stack([1.0 - targets, targets], 1)  # of failure and success
    return functional.cross_entropy(outputs.float(), shares.float())


def on_policy_target(
    rewards: torch.Tensor, rotation_bins: torch.Tensor, rotation_values: torch.Tensor
) -> torch.Tensor:
    """Return the target of q1 at the tried pixels: 1 for a success, else the best other yaw.

    Args:
        rewards: 0 or 1, shape (B,).
        rotation_bins: Tried yaws, shape (B,), int64.
        rotation_values: q2 at the tried pixels, shape (B, n), without gradient.

    Returns:
        Shape (B,): r + (1 - r) max over yaws but the tried one (equation 11).
    """
    others = rotation_values.scatter(1, rotation_bins[:, None], 0.0)
    return torch.where(rewards > 0.5, torch.ones_like(rewards), others.amax(1).clamp(0.0, 1.0))


def on_policy_loss(
    outputs: torch.Tensor, targets: torch.Tensor, rewards: torch.Tensor, error: Error
) -> torch.Tensor:
    """Return L1': successes and failures averaged on their own, then added.

    Args:
        outputs: Of q1 at the tried pixels, shape (B, C).
        targets: See `on_policy_target`, shape (B,).
        rewards: 0 or 1, shape (B,).
        error: See `error_of`.
    """
    total = outputs.new_zeros(())
    for group in (rewards > 0.5, rewards <= 0.5):
        if bool(group.any()):
            total = total + error(outputs[group], targets[group])
    return total


def off_policy_loss(
    outputs: torch.Tensor, rotation_values: torch.Tensor, error: Error
) -> torch.Tensor:
    """Return L1'': q1 at drawn pixels against the best yaw there (equation 12).

    Args:
        outputs: Of q1 at the drawn pixels, shape (B, C, k).
        rotation_values: q2 there, shape (B, k, n), without gradient.
        error: See `error_of`.
    """
    return error(outputs, rotation_values.amax(2))


def mean_over_views(targets: torch.Tensor, num_views: int) -> torch.Tensor:
    """Give all views of an attempt the mean of their targets, shape (views * B,), as DrQ does."""
    return targets.reshape(num_views, -1).mean(0).repeat(num_views)
