"""The moving average of weights over SGD steps."""

import torch


class MovingAverage:
    """Follows weights; what is no trained weight, as statistics of a batch, it takes as it is.

    Args:
        tensors: The average by name, at first the weights; changed in place.
        decay: Of the average, in [0, 1); at first less, so that it forgets where it began.
    """

    def __init__(self, tensors: dict[str, torch.Tensor], decay: float) -> None:
        self.tensors = tensors
        self._decay = decay

    def follow(self, modules: dict[str, torch.nn.Module], num_steps: int) -> None:
        """Move towards the weights after SGD step `num_steps`, counted from 1."""
        decay = min(self._decay, num_steps / (9 + num_steps))
        for name, module in modules.items():
            for key, parameter in module.named_parameters():
                weight = 1.0 - decay if parameter.requires_grad else 1.0
                self.tensors[f"{name}.{key}"].lerp_(parameter.detach(), weight)
