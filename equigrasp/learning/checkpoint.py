"""An optimiser's state as named tensors, so that a checkpoint is one safetensors file."""

import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.interfaces import Learner

# Of Adam moments and a counter, which lies on the CPU; of SGD its momentum.
_KEYS = {"adam.": ("exp_avg", "exp_avg_sq", "step"), "sgd.": ("momentum_buffer",)}
_ON_CPU = ("step",)
OPTIMIZER_PREFIXES = tuple(_KEYS)


def optimizer_tensors(learner: Learner) -> dict[str, torch.Tensor]:
    """Return the state of Adam as `adam.<key>.<module>.<parameter>`, that of SGD as `sgd.…`."""
    tensors = {}
    prefix = _prefix(learner.optimizer)
    for name, parameter in _named_parameters(learner):
        for key, value in learner.optimizer.state.get(parameter, {}).items():
            if value is not None:  # SGD without momentum
                tensors[f"{prefix}{key}.{name}"] = value.detach().clone()
    return tensors


def load_optimizer_state(learner: Learner, tensors: dict[str, torch.Tensor]) -> None:
    """Put tensors of `optimizer_tensors` back in place.

    A parameter that had taken part in no SGD step has none.

    Raises:
        WeightsError: if some of a parameter's, but not all, are there, or they are another optimiser's.
    """
    prefix = _prefix(learner.optimizer)
    for other in OPTIMIZER_PREFIXES:
        if other != prefix and any(name.startswith(other) for name in tensors):
            raise WeightsError(
                f"The checkpoint holds the state of '{other[:-1]}'; the optimiser is '{prefix[:-1]}'."
            )
    for name, parameter in _named_parameters(learner):
        if not any(f"{prefix}{key}.{name}" in tensors for key in _KEYS[prefix]):
            continue
        try:
            state = {key: tensors[f"{prefix}{key}.{name}"].clone() for key in _KEYS[prefix]}
        except KeyError as error:
            raise WeightsError(f"The checkpoint lacks {error.args[0]}.") from error
        moved = {k: v.to(parameter.device) for k, v in state.items() if k not in _ON_CPU}
        learner.optimizer.state[parameter] = state | moved


def _prefix(optimizer: torch.optim.Optimizer) -> str:
    return "sgd." if isinstance(optimizer, torch.optim.SGD) else "adam."


def _named_parameters(learner: Learner) -> list[tuple[str, torch.nn.Parameter]]:
    return [
        (f"{name}.{key}", parameter)
        for name, module in learner.modules.items()
        for key, parameter in module.named_parameters()
    ]
