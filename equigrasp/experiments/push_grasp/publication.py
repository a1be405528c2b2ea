"""`equigrasp publish` of push-grasp: weights with a card, from a run and the tasks that they were evaluated on."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equigrasp.config import from_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError
from equigrasp.experiments.publishing.card_page import card_page, what_fits
from equigrasp.experiments.publishing.checked_weights import write_checked
from equigrasp.experiments.runs.claims import read_json, write_whole
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.method_names import full_name, name_from_file
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.decision_step import PUSH_KIND
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.grasp_scenes import GraspScene
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.object_sets.registry import make_object_set

_NUM_PICTURES = 3


@dataclass(frozen=True)
class _Source:
    """What the networks learned from."""

    scenes: int
    own_scenes: int
    grasps: int
    pushes: int

    @classmethod
    def of(cls, run: RunFolder) -> "_Source":
        """Return what a run folder holds."""
        first, own = (
            [GraspScene.load(p) for p in sorted((run.path / name).glob("scene_*.npz"))]
            for name in ("labels", "own_labels")
        )
        path = run.path / "pushes" / "experience.log"
        pushes = 0
        if path.is_file():
            log = ExperienceLog(path, is_writing=False)
            pushes = sum(int(step.action["kind"]) == PUSH_KIND for step, _ in log)
        grasps = sum(len(scene.grasps) for scene in first + own)
        return cls(len(first), len(own), grasps, pushes)


def publish_push_grasp(
    run: RunFolder, name: str, weights: Path, folder: Path, note: str, tell: Callable[[str], None]
) -> Path:
    """Write weights and card, and return the card.

    Args:
        run: Of `equigrasp pretrain --method push_grasp`.
        name: Of the weights.
        weights: Of the run.
        folder: Where to write to.
        note: A sentence for the card; may be empty.
        tell: Takes lines about the progress.

    Raises:
        ConfigError: if the weights have not been evaluated on any task.
        WeightsError: if they do not pass the checks that loading makes.
    """
    values = run.read_config()
    arguments = values["arguments"]
    config = from_mapping(PushGraspConfig, values["method"], str(run.config))
    tensors, metadata = load_weights(weights)
    acting = full_name(name_from_file(arguments["method"]))
    tasks = _tasks(run.path / "tasks", acting, tensor_digest(tensors))
    if not tasks:
        raise ConfigError(
            f"'{run.path}' holds no evaluation of {weights.name}. Make one first: equigrasp evaluate "
            f"{run.path} --task clutter --num-objects 10"
        )
    tell(f"{len(tasks)} evaluations of {weights}")
    cell = load_cell(arguments["cell"])
    workspace, method = open_workspace(cell), arguments["method"]
    facts = {
        "version": metadata.get("version", "1"),
        "cell": arguments["cell"],
        "seed": arguments["seed"],
        "commit": str(values["commit"]),
    }
    path = folder / f"{name}.safetensors"
    sha256 = write_checked(path, tensors, method, config, [workspace], cell.gripper, facts)
    count = sum(t.numel() for t in tensors.values())
    facts_of_file = [
        f"| file | [{path.name}]({path.name}), {count} parameters, SHA-256 `{sha256}` |",
        f"| method | `{method}` |",
        *_learned_from(_Source.of(run), values),
        what_fits(workspace, cell.gripper),
        *_threshold(read_json(run.path / "calibration.json") or {}),
    ]
    command = f"equigrasp up sim --method {method} --cell ur5_table --weights {name}"
    pictures = _pictures(run.path / "tasks", list(tasks), folder / name)
    card = folder / f"{name}.md"
    sections = [*_success(list(tasks.values())), *(["", *pictures[:-1]] if pictures else [])]
    config_text = run.config.read_text(encoding="utf-8")
    write_whole(card, card_page(name, [command], note, facts_of_file, sections, config_text))
    return card


def _tasks(folder: Path, method: str, digest: str) -> dict[str, dict[str, Any]]:
    """Return what a method found on tasks with weights of a digest, by the files' names and in their order.

    Variants, such as the one that never pushes, act with the same weights.
    """
    wanted = {"method": method, "weights": digest}
    found = {path.stem: read_json(path) or {} for path in sorted(folder.glob("*.json"))}
    return {
        name: f
        for name, f in found.items()
        if "result" in f and wanted.items() <= f["conditions"].items()
    }


def _pictures(folder: Path, tasks: list[str], to: Path) -> list[str]:
    """Copy the first strips that an evaluation has drawn, and return a card's lines about them."""
    drawn = [path for name in tasks for path in sorted((folder / name).glob("*.png"))]
    lines = []
    for k, path in enumerate(drawn[:_NUM_PICTURES]):
        to.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to / f"target_{k}.png")
        lines.append(f"![Looks at a target, and what followed]({to.name}/target_{k}.png)")
    title = ["## The first targets that were pushed", ""]
    return [*title, "\n\n".join(lines), ""] if lines else []


def _learned_from(source: _Source, values: dict[str, Any]) -> list[str]:
    a = values["arguments"]
    shapes = len(make_object_set(a["objects"]).names(a["split"]))
    return [
        f"| learned from | {source.grasps} grasps tried in {source.scenes} scenes and, by its own choice, in "
        f"{source.own_scenes} more, and {source.pushes} pushes with the grasps imagined before and after; "
        f"all in simulation, cell `{a['cell']}` |",
        f"| objects | `{a['objects']}`, split `{a['split']}`: {shapes} shapes |",
        f"| seed | {a['seed']} |",
        f"| commit | `{values['commit']}` |",
    ]


def _threshold(found: dict[str, Any]) -> list[str]:
    if not found:
        return []
    return [
        f"| threshold | a grasp with a score above {found['threshold']:.2f} is carried out; of {found['num_grasps']} "
        f"best grasps in scenes that nothing was learned from {100 * found['share']:.0f} % lie above, and "
        f"{100 * found['precision']:.0f} % of these hold (of all: {100 * found['success']:.0f} %); area under the "
        f"curve {found['area']:.2f} |"
    ]


def _success(tasks: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Success on unseen objects",
        "",
        "| scenes | targets | GSR | 95 % interval | ME | pushes a target |",
        "|---|---|---|---|---|---|",
    ]
    for task in tasks:
        r = task["result"]
        if "targets" not in r:  # of clearing: tables, not cards
            continue
        low, high = (100 * r[f"gsr_{end}"] for end in ("low", "high"))
        lines.append(
            f"| {_scenes(task['conditions'])} | {r['targets']} | {100 * r['gsr']:.1f} % | "
            f"{low:.1f}–{high:.1f} % | {100 * r['me']:.1f} % | {r['pushes_per_target']:.2f} |"
        )
    return [
        *lines,
        "",
        "Each target from the restored scene, one grasp each. GSR: targets taken; ME: grasps of all actions. "
        "Intervals: the wider of Wilson's and a bootstrap over scenes.",
    ]


def _scenes(conditions: dict[str, Any]) -> str:
    task = conditions["task"]
    if task["layout"]:
        name = f"tight layout {task['layout']}"
    else:
        name = (
            f"{task['num_objects']} objects of `{conditions['objects']}`, split `{task['split']}`"
        )
        name += f", dropped over ± {1000 * task['spread']:.0f} mm"
    pushes = conditions["max_pushes"]
    name += "" if pushes is None else f", at most {pushes} pushes"
    name += f", cell `{conditions['cell']}`, masks: {conditions['masks']}, seed {task['seed']}"
    return name + (f", commit `{conditions['commit']}`" if "commit" in conditions else "")
