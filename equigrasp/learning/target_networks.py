"""The two slow copies of networks that targets come from: an average, and an earlier version of it."""

import copy

import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.moving_average import MovingAverage
from equigrasp.learning.weight_store import fill_parameters, read_parameters

_NEWEST, _AVERAGE, _PREVIOUS, _STEPS = "newest.", "average.", "previous.", "steps"


class TargetNetworks:
    """The average of the weights (theta-bar-1), and the version before the last published (theta-bar-2).

    Every `period` SGD steps the average is set aside as a version. The published system does so by the
    clock; in steps the lag is known: theta-bar-2 is `period` to twice `period` steps behind, once two
    versions are there, and the first weights before.

    Args:
        modules: The networks that learn, with their first weights.
        decay: Of the average; see `MovingAverage`.
        period: SGD steps between two versions.

    Attributes:
        average: Copies of the networks with the weights of the average, in evaluation mode.
        previous: The same with those of the version before the last.
        num_steps: SGD steps that were followed.
    """

    def __init__(self, modules: dict[str, torch.nn.Module], decay: float, period: int) -> None:
        self.average, self.previous = _frozen(modules), _frozen(modules)
        self._follower = MovingAverage(_weights_in_place(self.average), decay)
        self._newest = read_parameters(modules)
        self._period = period
        self.num_steps = self._newest_step = self._previous_step = 0

    @property
    def lag(self) -> int:
        """SGD steps by which `previous` is behind `average`."""
        return self.num_steps - self._previous_step

    def follow(self, modules: dict[str, torch.nn.Module]) -> None:
        """Follow one SGD step."""
        self.num_steps += 1
        self._follower.follow(modules, self.num_steps)
        if self.num_steps % self._period == 0:
            for name, tensor in _weights_in_place(self.previous).items():
                tensor.copy_(self._newest[name])
            self._newest = self.weights()
            self._previous_step, self._newest_step = self._newest_step, self.num_steps

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of the average, by which a policy acts."""
        return read_parameters(self.average)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all that there is to go on from, by name."""
        steps = torch.tensor([self.num_steps, self._newest_step, self._previous_step])
        parts = (
            (_AVERAGE, self.weights()),
            (_NEWEST, self._newest),
            (_PREVIOUS, read_parameters(self.previous)),
        )
        return {f"{p}{k}": t.clone() for p, tensors in parts for k, t in tensors.items()} | {
            _STEPS: steps
        }

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from what `tensors` returned.

        Raises:
            WeightsError: if something is missing, or is of other networks.
        """
        if _STEPS not in tensors:
            raise WeightsError(f"The checkpoint lacks '{_STEPS}' of the target networks.")
        fill_parameters(self.average, _below(_AVERAGE, tensors), "checkpoint")
        # By way of the networks, so that it is held against their shapes.
        fill_parameters(self.previous, _below(_NEWEST, tensors), "checkpoint")
        self._newest = read_parameters(self.previous)
        fill_parameters(self.previous, _below(_PREVIOUS, tensors), "checkpoint")
        self.num_steps, self._newest_step, self._previous_step = (int(n) for n in tensors[_STEPS])


def _frozen(modules: dict[str, torch.nn.Module]) -> dict[str, torch.nn.Module]:
    copies = {name: copy.deepcopy(module) for name, module in modules.items()}
    return {name: module.eval().requires_grad_(False) for name, module in copies.items()}


def _weights_in_place(modules: dict[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """Return the parameters themselves, by the names of `read_parameters`."""
    return {
        f"{name}.{key}": parameter.data
        for name, module in modules.items()
        for key, parameter in module.named_parameters()
    }


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
