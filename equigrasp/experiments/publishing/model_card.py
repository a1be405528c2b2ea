"""What a model card says, from measured files alone."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from equigrasp.experiments.evaluation.evaluation import DEPTH_NOISE, DIFFICULTIES, shape_names
from equigrasp.experiments.evaluation.evaluation_folder import failure_picture
from equigrasp.experiments.publishing.card_page import card_page, what_fits
from equigrasp.experiments.runs.pictures import lay_out, load_picture, save_picture
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.trained_weights import name_of_first_weights
from equigrasp.paths import LABELS_SUFFIX
from equigrasp.replay.step import Step
from equigrasp.simulation.object_sets.registry import make_object_set

_TAIL = 100  # attempts of learning in the summary
_NUM_FAILURES, _NUM_COLS = 6, 3  # pictures of failures


@dataclass(frozen=True)
class Evaluation:
    """An evaluation on one set of objects: its result, its attempts, and its folder."""

    result: dict[str, Any]
    rows: list[dict[str, str]]
    folder: Path

    @property
    def split(self) -> str:
        """The set of objects."""
        return str(self.result["split"])

    @property
    def failures(self) -> list[dict[str, str]]:
        """The attempts that failed."""
        return [row for row in self.rows if row["success"] == "0"]


@dataclass(frozen=True, eq=False)
class Model:
    """What is known of weights.

    Args:
        name: Of the weights.
        tensors: The weights.
        version: SGD steps behind them.
        arguments: Options of the run.
        acting: Name of the configuration that acted in the evaluations.
        config: The method's configuration in the run.
        commit: Of the run.
        rows: `metrics.csv` of the run.
        evaluations: One a set of objects.
        note: Added to the card.
        labels: Of pretrained weights, what a script said of grasps; written beside the weights.
    """

    name: str
    tensors: dict[str, torch.Tensor]
    version: int
    arguments: dict[str, str]
    acting: str
    config: Any
    commit: str
    rows: list[dict[str, str]]
    evaluations: list[Evaluation]
    note: str
    labels: list[Step] = field(default_factory=list)

    @property
    def num_attempts(self) -> int:
        """Attempts that the weights have learned from."""
        return sum(int(row["policy_version"]) < self.version for row in self.rows)

    def learned_rows(self) -> list[dict[str, str]]:
        """Return the rows of the attempts that the weights have learned from, or all if none."""
        return self.rows[: self.num_attempts] or self.rows


def card_text(
    model: Model,
    sha256: str,
    workspace: Workspace,
    gripper: str,
    has_failures: bool,
    run_config: Path,
) -> str:
    """Return the card in Markdown.

    Args:
        model: What is known.
        sha256: Of the weight file.
        workspace: What the networks look at.
        gripper: What they were trained with.
        has_failures: Whether there is a picture of failures.
        run_config: The run's `config.yaml`, which is put in whole.
    """
    commands = [
        f"equigrasp up sim --method {model.acting} --weights {model.name}",
        f"ros2 launch equigrasp sim.launch.py method:={model.acting} weights:={model.name}",
    ]
    sections = [*_success(model), "", *_learning_curve(model), *_failures(model, has_failures)]
    facts = _summary(model, sha256, workspace, gripper)
    config_text = run_config.read_text(encoding="utf-8")
    return card_page(model.name, commands, model.note, facts, sections, config_text)


def draw_failures(path: Path, evaluations: list[Evaluation]) -> bool:
    """Draw the failures that surprised the policy most, of different shapes first; False if none."""
    failed = [(row, e.folder) for e in evaluations for row in e.failures]
    failed.sort(key=lambda f: -float(f[0]["q_value"]))
    files: dict[str, list[Path]] = {}
    for row, folder in failed:
        picture = failure_picture(folder, int(row["attempt"]))
        if picture.is_file():
            files.setdefault(row["object"], []).append(picture)
    rounds = itertools.zip_longest(*files.values())  # the worst of each shape, then the second …
    chosen = [p for of_shapes in rounds for p in of_shapes if p is not None][:_NUM_FAILURES]
    path.unlink(missing_ok=True)
    if chosen:
        save_picture(path, lay_out([load_picture(p) for p in chosen], _NUM_COLS))
    return bool(chosen)


def kind_of(name: str) -> str:
    """Return the family of a shape: `mug` of `mug_7`."""
    return name.rpartition("_")[0] or name


def _learning_curve(model: Model) -> list[str]:
    if not model.rows:
        return []
    picture = f"![success and loss over attempts]({model.name}/learning_curve.png)"
    return ["## Learning curve", "", picture, ""]


def _learned_from(model: Model) -> list[str]:
    """Return rows of the summary about what the weights come from."""
    a = model.arguments
    if model.labels:
        file, good = f"{model.name}{LABELS_SUFFIX}", int(sum(t.reward for t in model.labels))
        return [
            f"| learned from | {len(model.labels)} grasps that a heuristic labelled in simulated scenes, "
            f"{good} of them as good ([labels]({file})), cell `{a['cell']}`; {model.version} SGD steps; "
            "nothing was grasped |"
        ]
    success = np.array([int(row["success"]) for row in model.learned_rows()])
    tail = success[-_TAIL:]
    protocol = f", protocol `{a['protocol']}`" if "protocol" in a else ""
    first = name_of_first_weights(a.get("weights", ""), model.config.training.first_weights)
    began = f"weights `{first}`" if first else "random weights"
    return [
        f"| learned from | {model.num_attempts} attempts, {int(success.sum())} of them successful, "
        f"cell `{a['cell']}`{protocol}; {model.version} SGD steps; began with {began} |",
        f"| success while learning | {100 * tail.mean():.0f} % of the last {len(tail)} attempts |",
    ]


def _summary(model: Model, sha256: str, workspace: Workspace, gripper: str) -> list[str]:
    a = model.arguments
    count = sum(t.numel() for t in model.tensors.values())
    commits = sorted({str(e.result.get("commit", "unknown")) for e in model.evaluations})
    return [
        f"| file | [{model.name}.safetensors]({model.name}.safetensors), {count} parameters, "
        f"SHA-256 `{sha256}` |",
        f"| method | `{a['method']}`, package `{model.config.method}`; evaluated as `{model.acting}` acts |",
        *_learned_from(model),
        f"| objects | {_training_objects(a)} |",
        f"| seed | {a['seed']} |",
        f"| commit | learned: `{model.commit}`; evaluated: {', '.join(f'`{c}`' for c in commits)} |",
        what_fits(workspace, gripper),
    ]


def _training_objects(arguments: dict[str, str]) -> str:
    if "objects" not in arguments:
        return "real ones"
    objects, split = arguments["objects"], arguments["split"]
    count = len(make_object_set(objects).names(split))
    return f"`{objects}`, split `{split}`: {count} shapes, in simulation"


def _success(model: Model) -> list[str]:
    lines = ["## Success on unseen objects", ""]
    lines += [
        "| objects | attempts | succeeded | success | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for e in model.evaluations:
        low, high = (100 * bound for bound in e.result["interval_95"])
        lines.append(
            f"| {_set_name(e)} | {e.result['attempts']} | {e.result['successes']} "
            f"| {100 * e.result['success_rate']:.0f} % | {low:.0f}–{high:.0f} % |"
        )
    cells = sorted({str(e.result["cell"]) for e in model.evaluations})
    refused = sum(int(e.result["refused"]) for e in model.evaluations)
    lines += [
        "",
        f"Frozen weights, near-greedy choice, cell {', '.join(f'`{c}`' for c in cells)} in simulation: "
        "15 shapes go from tray to tray for ever; success is read from the fingers' width. Grasps "
        f"that the planner refused and that were drawn again: {refused}. Intervals are Wilson's; "
        "attempts of one evaluation share their objects, so that the truth may be wider.",
    ]
    if any(e.split in DIFFICULTIES for e in model.evaluations):
        lines += [
            "Easy and hard are the 15 shapes of the test split that random grasps pick most and "
            "least often when they lie alone "
            f"(`config/benchmarks/{model.evaluations[0].result['objects']}_difficulty.yaml`).",
        ]
    return lines + _seen(model)


def _set_name(evaluation: Evaluation) -> str:
    result = evaluation.result
    noise = result.get(DEPTH_NOISE)
    suffix = f", depth noise `{noise}`" if noise else ""
    if evaluation.split in DIFFICULTIES:
        return f"`{result['objects']}`, {evaluation.split}{suffix}"
    split, seed = evaluation.split, result["seed"]
    return f"`{result['objects']}`, 15 of all of split `{split}`, seed {seed}{suffix}"


def _seen(model: Model) -> list[str]:
    """Return a warning where a set holds shapes that the run may have learned on."""
    a, lines = model.arguments, []
    for e in model.evaluations:
        objects = str(e.result["objects"])
        if a.get("objects") != objects:
            continue
        object_set = make_object_set(objects)
        shapes = shape_names(object_set, objects, e.split, int(e.result["seed"]))
        seen = sorted(set(shapes) & set(object_set.names(a["split"])))
        if seen:
            lines.append(
                f"**Not unseen:** {len(seen)} of the {len(shapes)} shapes of `{e.split}` belong to "
                f"the split `{a['split']}` that the run learned on."
            )
    return lines


def _failures(model: Model, has_failures: bool) -> list[str]:
    tried = Counter(kind_of(row["object"]) for e in model.evaluations for row in e.rows)
    failed = Counter(kind_of(row["object"]) for e in model.evaluations for row in e.failures)
    lines = ["## Known failures", ""]
    if not tried:
        return [*lines, "The evaluations kept no record of single attempts."]
    if not failed:
        return [*lines, f"None in {tried.total()} attempts."]
    lines += [
        f"{failed.total()} of {tried.total()} attempts failed. By the kind of object that lay between "
        "the open fingers when the grasp was chosen, or next to them:",
        "",
        "| kind | attempts | failed | share |",
        "|---|---|---|---|",
    ]
    for kind in sorted(tried, key=lambda k: (-failed[k] / tried[k], k)):
        share = 100 * failed[kind] / tried[kind]
        lines.append(f"| {kind} | {tried[kind]} | {failed[kind]} | {share:.0f} % |")
    if has_failures:
        lines += [
            "",
            "Failures of which the policy was most certain (heights of the tray, fingers in red; P: "
            "the success it expected), of different shapes first:",
            "",
            f"![failed grasps]({model.name}/failures.png)",
        ]
    return lines
