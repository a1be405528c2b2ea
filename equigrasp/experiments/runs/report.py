"""One page about a run, with pictures."""

import json
from pathlib import Path

import numpy as np

from equigrasp.config import read_yaml
from equigrasp.errors import ConfigError
from equigrasp.experiments.evaluation.acting_method import acting_method
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.experiments.runs.pictures import draw_decision, draw_learning_curve, save_picture
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import dequantize
from equigrasp.learning.interfaces import Q_MAP, ROTATION_VALUES, Context
from equigrasp.learning.trained_weights import name_of_first_weights
from equigrasp.learning.weight_store import load_weights
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import HEIGHTMAP, Observation
from equigrasp.replay.experience_log import ExperienceLog

_NUM_PICTURES = 3
_TAIL = 100  # attempts in the headline figure


def write_report(folder: Path, method: str = "", size: str = "") -> Path:
    """Draw a run's curve and decisions, write `report.md`, and return its path.

    Args:
        folder: The run's.
        method: That looks again with the final weights; empty: the run's own.
        size: Of its networks; see `full_name`.

    Raises:
        ConfigError: if the folder holds no attempts, but a script's labels or nothing.
    """
    run = RunFolder(folder)
    rows = read_metrics(run.metrics)
    if run.holds_labels():
        raise ConfigError(
            f"'{folder}' holds a heuristic's labels, of which there is no curve to draw; "
            "`equigrasp publish` writes a card of the weights that learned from them."
        )
    if not rows or not run.config.is_file():
        raise ConfigError(f"'{folder}' holds no run with attempts: no rows in {run.metrics}.")
    arguments = read_yaml(run.config)["arguments"]
    title = f"{arguments['method']} on {arguments['cell']}, seed {arguments['seed']}"
    draw_learning_curve(folder / "learning_curve.png", rows, title)
    acting = acting_method(method, size, arguments["method"], None)
    pictures = _draw_decisions(run, acting)
    path = folder / "report.md"
    path.write_text(_text(run, rows, pictures, acting), encoding="utf-8")
    return path


def _draw_decisions(run: RunFolder, method_name: str) -> list[str]:
    """Let the newest weights look again at heightmaps of the log, spread over the run."""
    package, config = load_method(method_name)
    policy = package.make_policy(config, package.make_networks(config, 0))
    try:
        path = run.newest_weights()
    except ConfigError:
        return []
    tensors, metadata = load_weights(path)
    policy.load(tensors, int(metadata["version"]), str(path))
    log = ExperienceLog(run.log, is_writing=False)
    wanted = set(np.linspace(0, len(log) - 1, _NUM_PICTURES).astype(int).tolist())
    pictures = []
    for step, _ in log:
        if step.index not in wanted or HEIGHTMAP not in step.observation:
            continue
        heightmap = dequantize(step.observation["heightmap"])
        workspace = Workspace("logged", 0.0, 0.0, heightmap_size_px=heightmap.shape[0])
        observation = Observation.of_heightmap(heightmap, workspace)
        decision = policy.choose(observation, Context("greedy"), np.random.default_rng(0))
        if not {Q_MAP, ROTATION_VALUES} <= set(decision.views):
            continue  # of a method that shows something else
        name = f"pictures/decision_{step.index:05d}.png"
        save_picture(run.path / name, draw_decision(observation, decision))
        pictures.append(name)
    log.close()
    return pictures


def _text(run: RunFolder, rows: list[dict[str, str]], pictures: list[str], acting: str) -> str:
    values = read_yaml(run.config)
    arguments = values["arguments"]
    success = np.array([float(r["success"]) for r in rows])
    times = np.array([float(r["attempt_time"]) for r in rows])
    idle = np.array([float(r["idle_time"]) for r in rows])
    sgd = [float(r["sgd_time"]) for r in rows if r["sgd_time"]]
    tail = success[-_TAIL:]
    half = slice(len(rows) // 2, None)
    wall = float(rows[-1]["time"]) - float(rows[0]["time"])
    of_method = values["method"]["training"].get("first_weights", "")
    weights = name_of_first_weights(arguments.get("weights", ""), of_method)
    lines = [
        f"# {len(rows)} grasp attempts: {100 * tail.mean():.0f} % of the last {len(tail)} succeeded",
        "",
        f"The robot of cell `{arguments['cell']}` began with "
        f"{f'the weights `{weights}`' if weights else 'no knowledge'} "
        f"and learned by method `{arguments['method']}` on {_objects(arguments)}, "
        f"seed {arguments['seed']}, commit `{values['commit']}`.",
        "",
        "![learning curve](learning_curve.png)",
        "",
        "| figure | value |",
        "|---|---|",
        f"| success, first 20 attempts{'' if weights else ' (random)'} | {100 * success[:20].mean():.0f} % |",
        f"| success, last {len(tail)} attempts | {100 * tail.mean():.0f} % |",
        f"| robot time an attempt, median | {np.median(times):.2f} s |",
        f"| attempts an hour of robot time | {3600 * len(times) / max(times.sum(), 1e-9):.0f} |",
        f"| arm at rest, second half of the run | {100 * idle[half].sum() / max(times[half].sum(), 1e-9):.1f} % |",
        f"| SGD step, median | {np.median(sgd) if sgd else float('nan'):.2f} s |",
        f"| attempts an hour of wall time | {3600 * (len(rows) - 1) / max(wall, 1e-9):.0f} |",
        "",
    ]
    lines += _evaluations(run.path)
    if pictures:
        lines += ["## What the final weights see", "", f"Method `{acting}` acts.", ""]
        lines += [f"![heightmap, Q-map and chosen grasp]({name})\n" for name in pictures]
    lines += [
        "Everything else is in `config.yaml`, `metrics.csv`, `weights/` and `experience.log`.",
        "",
    ]
    return "\n".join(lines)


def _objects(arguments: dict[str, str]) -> str:
    if "objects" not in arguments:
        return "real objects"
    return f"objects `{arguments['objects']}` ({arguments['split']})"


def _evaluations(folder: Path) -> list[str]:
    """Return a table of what `equigrasp evaluate` has found, if it has."""
    rows = []
    for path in sorted(folder.rglob("evaluation.json"), key=lambda p: (len(p.parts), p)):
        e = json.loads(path.read_text(encoding="utf-8"))
        low, high = (100 * bound for bound in e["interval_95"])
        rows.append(
            f"| {e['policy']} | {e['objects']}, {e['split']} | {e['attempts']} "
            f"| {100 * e['success_rate']:.0f} % | {low:.0f}–{high:.0f} % |"
        )
    if not rows:
        return []
    head = "| policy | objects | attempts | success | 95 % interval |"
    return ["## Frozen weights and references", "", head, "|---|---|---|---|---|", *rows, ""]
