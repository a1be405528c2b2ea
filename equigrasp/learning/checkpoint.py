"""Checkpoints of trainers: weights, their average and the optimiser's state in one safetensors file."""

from collections.abc import Callable

import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.interfaces import Learner, TargetLearner
from equigrasp.learning.moving_average import MovingAverage
from equigrasp.learning.weight_store import WeightStore, fill_parameters, read_parameters
from equigrasp.networks.clebsch_gordan import BASIS

# Of Adam moments and a counter, which lies on the CPU; of SGD its momentum.
_KEYS = {"adam.": ("exp_avg", "exp_avg_sq", "step"), "sgd.": ("momentum_buffer",)}
_ON_CPU = ("step",)
_OPTIMIZERS = tuple(_KEYS)
_AVERAGE, _TARGETS = "average.", "targets."  # prefixes of names, as those of optimisers


def save_checkpoint(
    store: WeightStore, step: int, learner: Learner, average: MovingAverage, seed: int
) -> None:
    """Write what is needed to go on, whole or not at all.

    Args:
        store: Of checkpoints.
        step: SGD steps taken.
        learner: Its weights, optimiser and, of a `TargetLearner`, slow copies are written.
        average: Of the weights; may be empty.
        seed: Of the run.

    Raises:
        WeightsError: if the disk takes no more; earlier checkpoints are untouched.
    """
    tensors = read_parameters(learner.modules) | optimizer_tensors(learner)
    tensors |= {f"{_AVERAGE}{name}": t for name, t in average.tensors.items()}
    if isinstance(learner, TargetLearner):
        tensors |= {f"{_TARGETS}{name}": t for name, t in learner.targets.tensors().items()}
    store.save(step, tensors, {"seed": str(seed), "basis": BASIS})


def load_checkpoint(
    store: WeightStore,
    learner: Learner,
    average: MovingAverage,
    seed: int,
    check: Callable[[int], None] = lambda step: None,
) -> int | None:
    """Put the newest sound checkpoint in place and return its SGD steps; None: there is none.

    The arguments are those of `save_checkpoint`.

    Args:
        store: See there.
        learner: See there.
        average: See there.
        seed: See there.
        check: Raises `WeightsError` for a number of SGD steps that cannot be.

    Raises:
        WeightsError: if the checkpoint is of another seed, network, optimiser or basis.
    """
    newest = store.newest()
    if newest is None:
        return None
    tensors, metadata = newest
    step = int(metadata["version"])
    check(step)
    if metadata.get("seed") != str(seed):
        raise WeightsError(
            f"The checkpoint of step {step} is of seed {metadata.get('seed')}, not of seed "
            f"{seed}. Resume with the run's own seed, or choose a new folder."
        )
    if metadata.get("basis") != BASIS:
        raise WeightsError(
            f"The checkpoint of step {step} is of an older version, whose weights mean something else "
            "on another machine. Delete the run's folder checkpoints/, and all its attempts are "
            "learned again from its log."
        )
    others = (*_OPTIMIZERS, _AVERAGE, _TARGETS)
    own = {k: t for k, t in tensors.items() if not k.startswith(others)}
    fill_parameters(learner.modules, own, "checkpoint")
    load_optimizer_state(learner, tensors)
    for name, tensor in average.tensors.items():
        tensor.copy_(tensors[f"{_AVERAGE}{name}"])
    if isinstance(learner, TargetLearner):
        of_targets = {k: t for k, t in tensors.items() if k.startswith(_TARGETS)}
        learner.targets.load({k.removeprefix(_TARGETS): t for k, t in of_targets.items()})
    return step


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
    for other in _OPTIMIZERS:
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
