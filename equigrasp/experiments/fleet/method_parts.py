"""The parts of a fleet that a method and simulated cells bring."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from equigrasp.config import from_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import FRONT
from equigrasp.errors import ConfigError
from equigrasp.experiments.fleet.parts import EpisodeSource, FleetParts
from equigrasp.learning.bellman_updater import Modules
from equigrasp.learning.interfaces import Learner
from equigrasp.learning.labelled_learning import LabelledLearning
from equigrasp.learning.method import Method
from equigrasp.learning.trained_weights import read_trained_weights
from equigrasp.learning.weight_store import fill_parameters
from equigrasp.methods.registry import METHODS, find_method
from equigrasp.replay.label_ring import LabelledBatch

PLACE = "equigrasp.experiments.fleet.method_parts:make_parts"


@dataclass(frozen=True)
class MethodSettings:
    """What `make_parts` is called with: plain values, which reach every process.

    Args:
        method: Name of the method in its configuration.
        config: Its configuration, as `to_mapping` returns it.
        cell: Name of the simulated cell.
        objects: Object set.
        split: Part of it.
        seed: Of the run.
        weights: File of the weights to begin with, where the learner runs; empty: untrained.
        num_scripted: Episodes by scripts at the beginning of each collector.
    """

    method: str
    config: dict[str, Any] = field(default_factory=dict)
    cell: str = "ur5"
    objects: str = "household"
    split: str = "train"
    seed: int = 0
    weights: str = ""
    num_scripted: int = 0

    def load(self) -> tuple[Method[Any], Any]:
        """Return the method and its configuration."""
        method = find_method(self.method)
        return method, from_mapping(method.config, self.config, f"method {self.method}")

    def as_mapping(self) -> dict[str, Any]:
        """Return what `make_parts` takes."""
        return asdict(self)


def labelled_learning(method: Method[Any]) -> LabelledLearning[Any]:
    """Return how a method learns in a fleet; raise `ConfigError` that names those that do."""
    if method.labelled is None:
        able = [name for name in METHODS if find_method(name).labelled is not None]
        raise ConfigError(
            f"Method '{method.name}' does not learn from labels that are made apart from its learner, as a "
            f"fleet does. Methods that do: {', '.join(able)}."
        )
    return method.labelled


def check_collecting(method: Method[Any], cell: str) -> None:
    """Raise `ConfigError` unless a simulated cell can bring a method episodes."""
    if not method.is_closed_loop:
        raise ConfigError(
            f"Method '{method.name}' does not act in closed loop: a fleet simulates no robots for it. It learns "
            "from logs: --collectors 0 --log …"
        )
    config = load_cell(cell)
    if FRONT not in config.cameras:
        raise ConfigError(
            f"Cell '{cell}' has no camera '{FRONT}', which a grasp in closed loop looks through. Its cameras: "
            f"{', '.join(config.cameras)}."
        )


def make_parts(values: Mapping[str, Any]) -> FleetParts:
    """Return the parts of a fleet of simulated robots; see `MethodSettings` for the values.

    Raises:
        ConfigError: if the method is unknown, or cannot learn in a fleet.
    """
    settings = MethodSettings(**values)
    method, config = settings.load()
    labelled = labelled_learning(method)

    def make_networks() -> Modules:
        return method.make_networks(config, settings.seed)

    def make_learner(modules: Modules) -> Learner[LabelledBatch]:
        if settings.weights:
            tensors, _ = read_trained_weights(Path(settings.weights), config)
            fill_parameters(modules, tensors, settings.weights)
        return labelled.make_learner(config, modules)

    def make_robot(seed: int) -> EpisodeSource:
        # Not above: the simulation, which all but collectors do without.
        from equigrasp.experiments.fleet.simulated_source import SimulatedSource

        return SimulatedSource(settings, seed)

    return FleetParts(
        spec=method.make_spec(config, load_cell(settings.cell).workspaces[0]),
        make_networks=make_networks,
        next_values=labelled.next_values(config),
        make_learner=make_learner,
        make_source=make_robot,
        method=str(config.method),
    )
