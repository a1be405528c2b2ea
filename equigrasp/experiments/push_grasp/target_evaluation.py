"""`equigrasp evaluate --task clutter`, `tight` and `clearing`: frozen weights fetch one target after the other."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from equigrasp.config import override, to_mapping
from equigrasp.errors import ConfigError
from equigrasp.experiments.push_grasp.clearing_task import ClearingEvaluation, clearing_summary
from equigrasp.experiments.push_grasp.episode_strip import EpisodeStrips
from equigrasp.experiments.push_grasp.mask_source import Masks
from equigrasp.experiments.push_grasp.target_task import OnTarget, TargetEvaluation, summary
from equigrasp.experiments.push_grasp.task_scenes import TargetTask
from equigrasp.experiments.runs.claims import claim, write_json
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.make import make_simulated_cell

_HASH_LENGTH = 8  # hexadecimal digits of a file's name


@dataclass(frozen=True)
class TargetConditions:
    """What is evaluated.

    Args:
        method: Full name of a method that takes targets.
        cell: Cell with an open table.
        objects: Object set of clutter; tight layouts have blocks of their own.
        task: Kind of scenes.
        max_pushes: For a target; None: the method's.
        is_clearing: The table is cleared, in the place of fetching each object from the restored scene.
        masks: What the policy sees; see `make_follower`.
    """

    method: str
    cell: str
    objects: str
    task: TargetTask
    max_pushes: int | None = None
    is_clearing: bool = False
    masks: Masks = "truth"

    def __post_init__(self) -> None:
        if self.is_clearing and self.masks != "truth":
            raise ConfigError(
                f"Tables are cleared with the simulator's masks, not with '{self.masks}'."
            )

    @property
    def name(self) -> str:
        """What the names of its files begin with."""
        name = f"clutter_{self.task.num_objects}"
        if self.task.layout:
            name = f"tight_{self.task.layout}"
        elif self.is_clearing:
            name = f"clearing_{self.task.num_objects}"
        name += "" if self.max_pushes is None else f"_{self.max_pushes}_pushes"
        return name + ("" if self.masks == "truth" else f"_{self.masks}_masks")

    def num_rows(self, num_targets: int) -> int:
        """Return how many targets, or rounds with as many objects, are evaluated."""
        return (
            max(1, round(num_targets / self.task.num_objects)) if self.is_clearing else num_targets
        )


def evaluate_targets(
    folder: Path,
    weights: Path | None,
    conditions: TargetConditions,
    num_targets: int,
    num_drawn: int = 0,
) -> dict[str, Any]:
    """Fetch targets, or clear tables, and return GSR, ME and what belongs to them.

    Rows go to `<folder>/<task>_<hash of all conditions>.csv`, one a target or round: an evaluation that was
    stopped carries on, and weights, conditions or commits of their own have files of their own.

    Args:
        folder: Where the files go.
        weights: Weight file; None: untrained ones, for a method that asks no network.
        conditions: What is evaluated.
        num_targets: How many; rounds of clearing have as many objects in all.
        num_drawn: Picture strips of new targets that were pushed, in a folder of the rows' name; not of clearing.

    Raises:
        ConfigError: if cell or objects do not suit the task, or another process writes the same rows.
        WeightsError: if the weights do not fit method or cell.
    """
    stated = asdict(conditions) | {
        "weights": "" if weights is None else tensor_digest(load_weights(weights)[0]),
        "configuration": to_mapping(_acting(conditions)[1]),
        "commit": commit(),
    }
    text = json.dumps(stated, sort_keys=True)
    name = f"{conditions.name}_{hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]}"
    rows, result, lock = (folder / f"{name}.{kind}" for kind in ("csv", "json", "lock"))
    with claim(lock) as is_mine:
        if not is_mine:
            raise ConfigError(f"Another process is evaluating into '{rows}'.")
        if not result.is_file():
            write_json(result, {"conditions": stated})
        strips = EpisodeStrips(folder / name, num_drawn)
        found = run_targets(rows, weights, conditions, num_targets, on_target=strips.draw)
        write_json(result, {"conditions": stated, "result": found})
    return found


def run_targets(
    rows: Path,
    weights: Path | None,
    conditions: TargetConditions,
    num_targets: int,
    check_stop: Callable[[], None] = lambda: None,
    on_target: OnTarget = lambda result, looks: None,
) -> dict[str, Any]:
    """Add rows to a file until it has enough of them, and return what they say.

    Args:
        rows: CSV, of these weights and conditions.
        weights: As those of `evaluate_targets`, whose errors are raised here.
        conditions: See there.
        num_targets: See there.
        check_stop: Called after each row; raises to end.
        on_target: See `TargetEvaluation`.
    """
    method, config = _acting(conditions)
    policy = method.make_policy(config, method.make_networks(config, 0))
    objects = "blocks" if conditions.task.layout else conditions.objects
    with make_simulated_cell(conditions.cell, object_set=objects) as simulation:
        cell = simulation.cell.config
        if weights is not None:
            load_trained_weights(policy, weights, config, [open_workspace(cell)], cell.gripper)
        evaluation: ClearingEvaluation | TargetEvaluation
        if conditions.is_clearing:
            evaluation = ClearingEvaluation(simulation, policy, conditions.task, rows)
        else:
            evaluation = TargetEvaluation(
                simulation, policy, conditions.task, rows, conditions.masks, on_target
            )
        count = conditions.num_rows(num_targets)
        unit = "round" if conditions.is_clearing else "target"
        done = min(len(evaluation.results), count)
        with tqdm(total=count, initial=done, unit=unit, desc=conditions.name) as bar:
            for _ in evaluation.run(count):
                bar.update()
                bar.set_postfix_str(f"GSR {100 * evaluation.gsr:.1f} %")
                check_stop()
    if isinstance(evaluation, ClearingEvaluation):
        return clearing_summary(evaluation.results[:count])
    return summary(evaluation.results[:count], policy.score_threshold)


def _acting(conditions: TargetConditions) -> tuple[Any, Any]:
    """Return the package of a method, and its configuration with the pushes that a target has."""
    method, config = load_method(conditions.method)
    if conditions.max_pushes is not None:
        config = override(config, {"acting.max_pushes": str(conditions.max_pushes)})
    return method, config
