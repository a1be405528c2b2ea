"""`equigrasp publish`: from a run folder to weights, card and pictures in `models/`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equigrasp.config import from_mapping, read_yaml, to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import CellConfig
from equigrasp.errors import ConfigError
from equigrasp.experiments.evaluation.acting_method import acting_method
from equigrasp.experiments.evaluation.evaluation import (
    DEPTH_NOISE,
    DIFFICULTIES,
    evaluate,
    evaluation_folder,
)
from equigrasp.experiments.evaluation.evaluation_folder import read_attempts
from equigrasp.experiments.pretraining.pretraining import logged_labels
from equigrasp.experiments.publishing.checked_weights import write_checked
from equigrasp.experiments.publishing.model_card import Evaluation, Model, card_text, draw_failures
from equigrasp.experiments.runs.claims import read_json, write_whole
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.experiments.runs.pictures import draw_learning_curve
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.grasping.labels import write_labels
from equigrasp.learning.method_names import full_name, name_from_file
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.paths import LABELS_SUFFIX, config_dir

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SEED = "1000"  # of objects and choices, as `equigrasp evaluate` has it


@dataclass(frozen=True)
class Order:
    """What to publish.

    Args:
        run: Run folder.
        name: Of the weights: `<configuration>_<cell>`, lower case.
        attempts: Evaluate the weights, where this is not done yet, by so many attempts on each
            set of objects; 0: take the evaluations there are.
        weights: Weight file; None: the run's newest.
        folder: Where to write to.
        note: What the card shall say beside the figures, such as how the run was chosen.
        is_replacing: Whether weights of that name may be replaced.
        objects: Object set to evaluate on; empty: the run's.
        size: Of the networks of `method`.
        method: Configuration that acts with the weights, in the evaluations and in the commands on
            the card; its network must be the run's. Empty: the run's.
    """

    run: Path
    name: str
    attempts: int
    weights: Path | None
    folder: Path
    note: str = ""
    is_replacing: bool = False
    objects: str = ""
    method: str = ""
    size: str = ""

    def __post_init__(self) -> None:
        if self.attempts < 0:
            raise ConfigError(f"Cannot make {self.attempts} attempts; 0 takes what is there.")
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"Name '{self.name}' is not valid: small letters, digits and underscores, "
                "such as 'asr_compact_ur5'."
            )
        if (self.folder / f"{self.name}.safetensors").is_file() and not self.is_replacing:
            raise ConfigError(
                f"'{self.folder}' holds weights '{self.name}' already. Choose another name, or "
                "replace them with --replace."
            )


def publish(order: Order, tell: Callable[[str], None]) -> Path:
    """Evaluate a run's weights as far as that is asked for, write everything, return the card.

    Args:
        order: See there.
        tell: Takes lines about the progress.

    Raises:
        ConfigError: if the folder holds no run, or no evaluation of these weights, or if the
            method that is to act has another network.
        WeightsError: if the weights do not pass the checks that loading makes.
    """
    run = RunFolder(order.run)
    rows = read_metrics(run.metrics)
    values = read_yaml(run.config) if run.config.is_file() else {}
    is_pretrained = run.holds_labels()
    if not values or not (rows or is_pretrained):
        raise ConfigError(f"'{run.path}' holds no run with attempts: no rows in {run.metrics}.")
    weights = order.weights or run.newest_weights()
    tensors, metadata = load_weights(weights)
    arguments = values["arguments"]
    arguments["method"] = full_name(name_from_file(arguments["method"]))
    acting = acting_method(order.method, order.size, arguments["method"], None)
    tell(f"{acting} acts with {weights}")
    config = _configuration(values, acting, run.config)
    cell = load_cell(arguments["cell"])
    digest = tensor_digest(tensors)
    tried = arguments | {"method": acting}
    tried |= {"objects": order.objects} if order.objects else {}
    evaluations = [
        found
        for split, noise in _sets(tried)
        if (found := _evaluation(order, tried, split, noise, weights, digest, tell))
    ]
    if not evaluations:
        raise ConfigError(
            f"'{run.path}' holds no evaluation of {weights.name}. Add --evaluate 100 to make them."
        )
    model = Model(
        name=order.name,
        tensors=tensors,
        version=int(metadata.get("version", 0)),
        arguments=arguments,
        acting=acting,
        config=config,
        commit=str(values["commit"]),
        rows=rows,
        evaluations=evaluations,
        note=order.note,
        labels=logged_labels(run) if is_pretrained else [],
    )
    return _write(order, model, run.config, cell)


def _configuration(values: dict[str, Any], acting: str, where: Path) -> Any:
    """Return the run's configuration; its network must be that of its name and of `acting`."""
    name = values["arguments"]["method"]
    config = from_mapping(load_method(name)[0].config, values["method"], str(where))
    old = to_mapping(config.network)
    for of in dict.fromkeys((name, acting)):
        new = to_mapping(load_method(of)[1].network)
        for key, value in old.items():
            if value != new.get(key):
                raise ConfigError(
                    f"{where}: the run had network.{key} {value}, method '{of}' has "
                    f"{new.get(key)} now. These weights could not be loaded by that name."
                )
    return config


def _sets(arguments: dict[str, str]) -> list[tuple[str, str]]:
    """Return the sets of objects to evaluate on, and the depth noise there, if not the camera's own.

    Difficulty is known of measured object sets.
    """
    objects = arguments.get("objects", "household")
    is_measured = (config_dir() / "benchmarks" / f"{objects}_difficulty.yaml").is_file()
    splits = [*(DIFFICULTIES if is_measured else ()), "test"]
    return [*((split, "") for split in splits), ("test", "realsense")]


def _evaluation(
    order: Order,
    arguments: dict[str, str],
    split: str,
    noise: str,
    weights: Path,
    digest: str,
    tell: Callable[[str], None],
) -> Evaluation | None:
    """Return the evaluation of these very weights on a set; makes it if that is asked for."""
    folder = evaluation_folder(order.run, split, depth_noise=noise)
    found = read_json(folder / "evaluation.json") or {}
    found |= {"method": name_from_file(found["method"])} if "method" in found else {}
    objects = arguments.get("objects", "household")
    conditions = {"weights_digest": digest, "split": split, "objects": objects}
    conditions |= {"method": arguments["method"]}
    noisy = {DEPTH_NOISE: noise} if noise else {}
    conditions |= noisy
    is_of_these = all(found.get(key) == value for key, value in conditions.items())
    done = int(found["attempts"]) if is_of_these else 0
    if done < order.attempts:
        tell(f"evaluating on {split} objects{noise and f', depth noise {noise}'}, in {folder}")
        wanted = {
            "cell": arguments["cell"],
            "method": arguments["method"],
            "objects": objects,
            "split": split,
            "seed": _SEED,
        } | noisy
        found = evaluate(wanted, "learned", weights, order.attempts, folder)
    elif not done:
        tell(f"not evaluated on {split} objects{noise and f', depth noise {noise}'}")
        return None
    return Evaluation(found, read_attempts(folder), folder)


def _write(order: Order, model: Model, run_config: Path, cell: CellConfig) -> Path:
    facts = {
        "version": str(model.version),
        "cell": model.arguments["cell"],
        "seed": model.arguments["seed"],
        "commit": model.commit,
    }
    path = order.folder / f"{order.name}.safetensors"
    workspace, name = cell.workspaces[0], model.arguments["method"]
    sha256 = write_checked(
        path, model.tensors, name, model.config, cell.workspaces, cell.gripper, facts
    )
    if model.labels:
        labels = order.folder / f"{order.name}{LABELS_SUFFIX}"
        write_labels(labels, model.labels, model.config.network.num_rotations)
    pictures = order.folder / order.name
    if model.rows:
        draw_learning_curve(pictures / "learning_curve.png", model.learned_rows(), order.name)
    has_failures = draw_failures(pictures / "failures.png", model.evaluations)
    card = order.folder / f"{order.name}.md"
    write_whole(card, card_text(model, sha256, workspace, cell.gripper, has_failures, run_config))
    return card
