"""Adam's state as named tensors, so that a checkpoint is one safetensors file."""

import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.interfaces import Learner

_MOMENTS = ("exp_avg", "exp_avg_sq")  # lie where the parameter does; the counter on the CPU
_KEYS = ("exp_avg", "exp_avg_sq", "step")


def optimizer_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """Return Adam's moments and counters as `adam.<key>.<module>.<parameter>`."""
    tensors = {}
    for name, parameter in _named_parameters(learner):
        for key, value in learner.optimizer.state.get(parameter, {}).items():
            tensors[f"adam.{key}.{name}"] = value.detach().clone()
    return tensors


def load_optimizer_state(learner: Learner, tensors: dict[str, torch.Tensor]) -> None:
    """Put tensors of `optimizer_tensors` back in place.

    A parameter that had taken part in no SGD step has none.

    Raises:
        WeightsError: if some of a parameter's, but not all, are there.
    """
    for name, parameter in _named_parameters(learner):
        if not any(f"adam.{key}.{name}" in tensors for key in _KEYS):
            continue
        try:
            state = {key: tensors[f"adam.{key}.{name}"].clone() for key in _KEYS}
            state |= {key: state[key].to(parameter.device) for key in _MOMENTS}
        except KeyError as error:
            raise WeightsError(f"The checkpoint lacks {error.args[0]}.") from error
        learner.optimizer.state[parameter] = state


def _named_parameters(learner: Learner) -> list[tuple[str, torch.nn.Parameter]]:
    return [
        (f"{name}.{key}", parameter)
        for name, module in learner.modules.items()
        for key, parameter in module.named_parameters()
    ]
