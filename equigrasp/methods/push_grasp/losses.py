"""Losses of the two networks that learn from labelled grasps (paper, section III-B)."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss


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
