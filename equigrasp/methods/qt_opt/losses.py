"""Losses of the Q-network (paper, sections 4.1 and C)."""

from typing import Literal

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss


def q_loss(
    logits: torch.Tensor, labels: torch.Tensor, kind: Literal["cross_entropy", "squared_error"]
) -> torch.Tensor:
    """Return the mean error of all heads against the same soft labels.

    Args:
        logits: Shape (B, heads).
        labels: Shape (B,) in [0, 1].
        kind: Cross-entropy, or the squared error of probabilities.
    """
    wanted = labels[:, None].expand_as(logits)
    if kind == "cross_entropy":
        return binary_cross_entropy_with_logits(logits, wanted)
    return mse_loss(torch.sigmoid(logits), wanted)
