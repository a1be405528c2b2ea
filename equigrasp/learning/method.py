"""What a method offers: data and functions, which log, trainer, loop and ROS graph carry unseen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import BatchSource, Learner, Trainer
from equigrasp.learning.labelled_learning import LabelledLearning
from equigrasp.learning.logged_trainer import LoggedTrainer
from equigrasp.learning.method_config import TrainerConfig
from equigrasp.learning.trained_weights import read_trained_weights
from equigrasp.learning.weight_store import fill_parameters
from equigrasp.perception.observation import Observation
from equigrasp.replay.step import Arrays, ExperienceSpec

Modules = dict[str, torch.nn.Module]


class MethodConfig(Protocol):
    """What every method's configuration has; everything else in it is its own."""

    @property
    def method(self) -> str:
        """Name of the method."""
        ...

    @property
    def training(self) -> TrainerConfig:
        """How much is learned, and when."""
        ...


C = TypeVar("C")


@dataclass(frozen=True, eq=False)
class Method(Generic[C]):
    """One method of learning to act.

    Args:
        name: As in its configurations' key `method`.
        config: Class of its configurations, a frozen dataclass; see `MethodConfig`.
        metrics: What its learner's `train_step` returns, with what each number means.
        make_spec: Returns what its steps hold, from configuration and workspace.
        encode: Returns what the steps hold of an observation, by name.
        make_networks: Builds its networks, by name, with weights that depend on the seed alone.
        make_policy: Returns the policy that acts by these networks; it owns them.
        make_batches: Returns an empty `BatchSource`, from configuration, workspace, seed and device.
        make_learner: Returns the learner of networks, from configuration, networks and workspace.
        with_executed: Returns an encoded action with what was carried out in the place of what was asked for,
            from configuration, encoded observation, encoded action and executed action; None: actions are
            carried out as chosen, or not at all.
        is_closed_loop: Whether an episode is many steps of the gripper, each chosen anew; else one grasp or push.
        labelled: How it learns in a fleet, from labels made apart from its learner; None: it does not.
        trainer: Joins these in a run folder; arguments as those of `make_trainer`, after the method.
            None: a `LoggedTrainer`.
    """

    name: str
    config: type[C]
    metrics: Mapping[str, str]
    make_spec: Callable[[C, Workspace], ExperienceSpec]
    encode: Callable[[Observation], Arrays]
    make_networks: Callable[[C, int], Modules]
    make_policy: Callable[[C, Modules], Any]
    make_batches: Callable[[C, Workspace, int, torch.device], BatchSource[Any]]
    make_learner: Callable[[C, Modules, Workspace], Learner[Any]]
    with_executed: Callable[[C, Arrays, Arrays, Any], Arrays] | None = None
    is_closed_loop: bool = False
    labelled: LabelledLearning[C] | None = None
    trainer: Callable[..., Trainer] | None = None

    def make_trainer(
        self,
        config: C,
        folder: Path,
        seed: int,
        workspace: Workspace,
        *,
        weights: Path | None = None,
        device: str = "cpu",
        is_writing: bool = True,
    ) -> Trainer:
        """Return the trainer of a run, which carries on what lies in its folder.

        Args:
            config: The method's configuration.
            folder: Run folder.
            seed: Seed of the run.
            workspace: What the policy looks at.
            weights: Weight file to begin a new run with; None: untrained.
            device: Where the networks learn: `cpu` or `cuda`.
            is_writing: Whether steps come by `Trainer.add`; else by another process, through the log.

        Raises:
            WeightsError: if the weights do not fit, or a checkpoint is not of this run.
            ReplayError: if the log is damaged, or another process writes to it.
        """
        make = self.trainer or _logged_trainer
        return make(self, config, folder, seed, workspace, weights, device, is_writing)


def _logged_trainer(
    method: Method[Any],
    config: Any,
    folder: Path,
    seed: int,
    workspace: Workspace,
    weights: Path | None,
    device: str,
    is_writing: bool,
) -> Trainer:
    modules = method.make_networks(config, seed)
    if weights is not None:
        fill_parameters(modules, read_trained_weights(weights, config)[0], str(weights))
    where = torch.device(device)
    modules = {name: module.to(where) for name, module in modules.items()}
    return LoggedTrainer(
        folder,
        str(config.method),  # as checks of weights compare it
        method.make_spec(config, workspace),
        method.make_learner(config, modules, workspace),
        method.make_batches(config, workspace, seed, where),
        config.training,
        seed,
        is_writing,
    )
