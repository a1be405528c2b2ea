"""`equigrasp evaluate --task clutter` and `--task tight`: frozen weights fetch one target after the other."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from equigrasp.config import override
from equigrasp.experiments.push_grasp.mask_source import Masks
from equigrasp.experiments.push_grasp.target_task import TargetEvaluation, TargetTask, summary
from equigrasp.experiments.runs.claims import read_json, write_json
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.make import make_simulated_cell


@dataclass(frozen=True)
class TargetConditions:
    """What is evaluated.

    Args:
        method: Full name of a method that takes targets.
        cell: Cell with an open table.
        objects: Object set of clutter; tight layouts have blocks of their own.
        task: Kind of scenes.
        max_pushes: For a target; None: the method's.
        masks: What the policy sees; see `make_follower`.
    """

    method: str
    cell: str
    objects: str
    task: TargetTask
    max_pushes: int | None = None
    masks: Masks = "truth"


def evaluate_targets(
    folder: Path, weights: Path, conditions: TargetConditions, num_targets: int
) -> dict[str, Any]:
    """Fetch targets, in each case from the scene as it was dropped, and return GSR and ME.

    Rows go to `<folder>/<task>.csv`, one a target; an evaluation that was stopped carries on, others weights
    or conditions begin anew.

    Args:
        folder: Where the files go.
        weights: Weight file.
        conditions: What is evaluated.
        num_targets: How many.

    Raises:
        ConfigError: if cell or objects do not suit the task.
        WeightsError: if the weights do not fit method or cell.
    """
    task = conditions.task
    method, config = load_method(conditions.method)
    if conditions.max_pushes is not None:
        config = override(config, {"acting.max_pushes": str(conditions.max_pushes)})
    policy = method.make_policy(config, method.make_networks(config, 0))
    folder.mkdir(parents=True, exist_ok=True)
    name = f"tight_{task.layout}" if task.layout else f"clutter_{task.num_objects}"
    name += "" if conditions.max_pushes is None else f"_{conditions.max_pushes}_pushes"
    name += "" if conditions.masks == "truth" else f"_{conditions.masks}_masks"
    rows, result = folder / f"{name}.csv", folder / f"{name}.json"
    stated = json.loads(json.dumps(asdict(conditions)))
    stated["weights"] = tensor_digest(load_weights(weights)[0])
    if (read_json(result) or {}).get("conditions") != stated:
        rows.unlink(missing_ok=True)
        write_json(result, {"conditions": stated})
    objects = "blocks" if task.layout else conditions.objects
    with make_simulated_cell(conditions.cell, object_set=objects) as simulation:
        cell = simulation.cell.config
        load_trained_weights(policy, weights, config, [open_workspace(cell)], cell.gripper)
        evaluation = TargetEvaluation(simulation, policy, task, rows, conditions.masks)
        done = min(len(evaluation.results), num_targets)
        with tqdm(total=num_targets, initial=done, unit="target", desc=name) as bar:
            for _ in evaluation.run(num_targets):
                bar.update()
                found = summary(evaluation.results)
                bar.set_postfix_str(
                    f"GSR {100 * found['gsr']:.1f} %, ME {100 * found['me']:.1f} %"
                )
    found = summary(evaluation.results[:num_targets])
    write_json(result, {"conditions": stated, "result": found})
    return found
