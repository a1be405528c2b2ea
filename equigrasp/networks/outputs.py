"""What the logits of a network mean."""

import torch


def success_probability(logits: torch.Tensor) -> torch.Tensor:
    """Return the predicted P(success) from what a network puts out.

    Args:
        logits: Shape (B, C, ...). Two channels are logits of {failure, success} and pass a
            two-way softmax (paper, section 5.2); one channel is the prediction itself.

    Returns:
        Shape (B, ...).
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    return torch.softmax(logits, dim=1)[:, 1]
