"""`equigrasp publish` of a method in closed loop: weights with a card, from a run and its evaluations."""

from collections.abc import Callable
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
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.simulation.object_sets.registry import make_object_set

_EVALUATION = "servo_evaluation.json"
_UNDISTURBED = "none"


def publish_closed_loop(
    run: RunFolder, name: str, weights: Path, folder: Path, note: str, tell: Callable[[str], None]
) -> Path:
    """Write weights and card, and return the card.

    Args:
        run: Of `equigrasp train`.
        name: Of the weights.
        weights: Of the run.
        folder: Where to write to.
        note: A sentence for the card; may be empty.
        tell: Takes lines about the progress.

    Raises:
        ConfigError: if the weights have not been evaluated.
        WeightsError: if they do not pass the checks that loading makes.
    """
    values = run.read_config()
    arguments = values["arguments"]
    method = full_name(name_from_file(arguments["method"]))
    config = from_mapping(load_method(method)[0].config, values["method"], str(run.config))
    tensors, metadata = load_weights(weights)
    evaluations = _evaluations(run.path, method, tensor_digest(tensors))
    if not evaluations:
        raise ConfigError(
            f"'{run.path}' holds no evaluation of {weights.name}. Make one first: equigrasp evaluate "
            f"{run.path} --attempts 700"
        )
    tell(f"{len(evaluations)} evaluations of {weights}")
    cell, version = load_cell(arguments["cell"]), int(metadata.get("version", "1"))
    facts = {
        "version": str(version),
        "cell": arguments["cell"],
        "seed": arguments["seed"],
        "commit": str(values["commit"]),
    }
    path = folder / f"{name}.safetensors"
    sha256 = write_checked(path, tensors, method, config, cell.workspaces, cell.gripper, facts)
    count = sum(t.numel() for t in tensors.values())
    rows = [
        f"| file | [{path.name}]({path.name}), {count} parameters, SHA-256 `{sha256}` |",
        f"| method | `{method}` |",
        *_learned_from(run, values, version),
        what_fits(cell.workspaces[0], cell.gripper),
    ]
    command = f"equigrasp up sim --method {method} --weights {name}"
    card = folder / f"{name}.md"
    config_text = _without_folders(run.config.read_text(encoding="utf-8"), config)
    write_whole(card, card_page(name, [command], note, rows, _success(evaluations), config_text))
    return card


def _evaluations(folder: Path, method: str, digest: str) -> list[dict[str, Any]]:
    """Return what was found with weights of a digest, in the run's folder and its subfolders."""
    wanted = {"method": method, "weights_digest": digest, "policy": "learned"}
    paths = [folder / _EVALUATION, *sorted(folder.glob(f"*/**/{_EVALUATION}"))]
    found = (read_json(path) or {} for path in paths)
    return [f for f in found if f.get("episodes") and wanted.items() <= f.items()]


def _learned_from(run: RunFolder, values: dict[str, Any], version: int) -> list[str]:
    a, training = values["arguments"], values["method"]["training"]
    own = _count(run.log)
    logs = [_count(Path(log)) for log in training["prior_logs"]]
    text = f"{own} of its own" if own else "no attempts of its own"
    if logs:
        text += f"; beside them as prior data {', '.join(logs)} of other runs"
    shapes = len(make_object_set(a["objects"]).names(a["split"]))
    return [
        f"| learned from | {text}; cell `{a['cell']}`, in simulation; {version} SGD steps |",
        f"| objects | `{a['objects']}`, split `{a['split']}`: {shapes} shapes |",
        f"| seed | {a['seed']} |",
        f"| commit | `{values['commit']}` |",
    ]


def _count(log: Path) -> str:
    """Return transitions, episodes and successes of a log, in words; empty: there are none."""
    if not log.is_file():
        return "a log that is not there any more"
    episodes, num_steps, num_successes = set[int](), 0, 0
    for step, _ in ExperienceLog(log, is_writing=False):
        episodes.add(step.episode)
        num_steps, num_successes = num_steps + 1, num_successes + (step.reward > 0.0)
    if not num_steps:
        return ""
    return f"{num_steps} transitions ({len(episodes)} episodes, {num_successes} successes)"


def _without_folders(text: str, config: Any) -> str:
    """Return the text of a configuration whose logs are called by run and name alone."""
    for log in config.training.prior_logs:
        text = text.replace(log, "/".join(Path(log).parts[-2:]))
    return text


def _success(evaluations: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Success on unseen objects",
        "",
        "| objects | disturbance | episodes | success | 95 % interval | steps | commit |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in evaluations:
        low, high = (100 * bound for bound in r["interval_95"])
        disturbance = "" if r["disturbance"] == _UNDISTURBED else r["disturbance"]
        if "rounds" in r:
            disturbance = f"trays of 28 objects emptied, {r['rounds']} rounds"
        lines.append(
            f"| `{r['objects']}`, split `{r['split']}`, cell `{r['cell']}`, seed {r['seed']} | {disturbance} | "
            f"{r['episodes']} | {100 * r['success_rate']:.0f} % | {low:.0f}–{high:.0f} % | {r['steps']:.1f} | "
            f"`{r['commit']}` |"
        )
    return [
        *lines,
        "",
        "Frozen weights, greedy; one grasp an episode, six objects in a tray at first, a new scene every ten grasps; what "
        "is held leaves the tray. Success is read from the fingers' width after the lift. Intervals are Wilson's.",
    ]
