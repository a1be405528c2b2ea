"""The loss of a network that values all grasps."""

import torch
from torch.nn.functional import smooth_l1_loss


def grasp_loss(
    maps: torch.Tensor, rows: torch.Tensor, cols: torch.Tensor, rewards: torch.Tensor
) -> torch.Tensor:
    """Return the Huber loss at the tried grasps; elsewhere nothing is known (section 6.1).

    Args:
        maps: Values of all pixels at the tried yaws, shape (B, S, S).
        rows: Tried rows, shape (B,), int64.
        cols: Tried columns, shape (B,), int64.
        rewards: 0 or 1, shape (B,).
    """
    return smooth_l1_loss(maps[torch.arange(len(maps)), rows, cols], rewards)
