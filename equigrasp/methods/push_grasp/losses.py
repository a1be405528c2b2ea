"""Losses of the networks (paper, sections III-B and III-C), and of the segmenter."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, huber_loss, mse_loss


def grasp_loss(
    logits: torch.Tensor, scene: torch.Tensor, grasps: torch.Tensor, success: torch.Tensor
) -> torch.Tensor:
    """Return the mean cross-entropy of labelled pixels and yaws, those of a batch counting alike.

    Args:
        logits: Shape (B, n, H, W).
        scene: Which of the batch a label is of, shape (K,).
        grasps: Rows, columns and yaw bins, shape (K, 3).
        success: Whether it held its object, shape (K,) in {0, 1}.
    """
    rows, cols, bins = grasps.T
    return binary_cross_entropy_with_logits(logits[scene, bins, rows, cols], success)


def critic_loss(logits: torch.Tensor, success: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of P(success), shape (K,) both: scores are compared, not ranked."""
    return mse_loss(torch.sigmoid(logits), success)


def push_loss(values: torch.Tensor, pushes: torch.Tensor, rewards: torch.Tensor) -> torch.Tensor:
    """Return Huber's loss (delta 1) at the pushes that were carried out: a contextual bandit.

    Args:
        values: Shape (B, n, H, W).
        pushes: Row, column and direction bin of each, shape (B, 3).
        rewards: Shape (B,).
    """
    rows, cols, bins = pushes.T
    scene = torch.arange(len(pushes), device=pushes.device)
    return huber_loss(values[scene, bins, rows, cols], rewards)


def segmenter_loss(logits: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of how far inside an object cells are, shape (B, 1, S, S) both."""
    return binary_cross_entropy_with_logits(logits, depth)
