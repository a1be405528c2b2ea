"""The loss terms (paper, section 5.2, equations 10 to 12)."""

import torch
from torch.nn.functional import smooth_l1_loss


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
    values: torch.Tensor, targets: torch.Tensor, rewards: torch.Tensor
) -> torch.Tensor:
    """Return L1': successes and failures averaged on their own, then added.

    Args:
        values: q1 at the tried pixels, shape (B,).
        targets: See `on_policy_target`, shape (B,).
        rewards: 0 or 1, shape (B,).
    """
    total = values.new_zeros(())
    for group in (rewards > 0.5, rewards <= 0.5):
        if bool(group.any()):
            total = total + smooth_l1_loss(values[group], targets[group])
    return total


def off_policy_loss(values: torch.Tensor, rotation_values: torch.Tensor) -> torch.Tensor:
    """Return L1'': q1 at drawn pixels against the best yaw there (equation 12).

    Args:
        values: q1 at the drawn pixels, shape (B, k).
        rotation_values: q2 there, shape (B, k, n), without gradient.
    """
    return smooth_l1_loss(values, rotation_values.amax(2))


def reward_loss(values: torch.Tensor, rewards: torch.Tensor) -> torch.Tensor:
    """Return L2, or L1: a network at the tried grasps against rewards, both of shape (B,)."""
    return smooth_l1_loss(values, rewards)


def mean_over_views(targets: torch.Tensor, num_views: int) -> torch.Tensor:
    """Give all views of an attempt the mean of their targets, shape (views * B,), as DrQ does."""
    return targets.reshape(num_views, -1).mean(0).repeat(num_views)
