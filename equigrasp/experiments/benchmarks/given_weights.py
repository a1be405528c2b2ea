"""Weights in a results folder: of its own trainings, or given in their place."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks.plan import Piece, checkpoints
from equigrasp.experiments.benchmarks.protocol import Order
from equigrasp.experiments.benchmarks.published import configuration, row
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.run_folder import RunFolder, commit
from equigrasp.learning.trained_weights import read_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights


def take_weights(given: list[str], order: Order, out: Path) -> None:
    """Put trained weights into a results folder, in the place of trainings of its own.

    Args:
        given: `METHOD=WEIGHTS` each: a name below models, a safetensors file, or a run folder. The k-th of a
            method belongs to the k-th seed.
        order: Whose trainings they stand for.
        out: Results folder.

    Raises:
        ConfigError: if there are more weights than seeds, or others lie there already.
        WeightsError: if they are of another method.
    """
    of_method: dict[str, list[str]] = {}
    for text in given:
        method, is_pair, name = text.partition("=")
        if not is_pair:
            raise ConfigError(f"--weights needs METHOD=WEIGHTS, found '{text}'.")
        of_method.setdefault(method, []).append(name)
    for method, names in of_method.items():
        if len(names) > len(order.seeds):
            raise ConfigError(
                f"{len(names)} weights of '{method}' need as many --seeds, found {len(order.seeds)}."
            )
        if row(method).weights_of or row(method).collected_by or not row(method).is_trained:
            owner = row(method).weights_of or "none"
            raise ConfigError(f"'{method}' has no weights of its own; it acts with: {owner}.")
        for seed, name in zip(order.seeds, names, strict=False):
            path = Path(name)
            found = RunFolder(path).newest_weights() if path.is_dir() else find_weights(name)
            piece = Piece(method, seed, "train", checkpoints(order, method)[-1])
            keep_weights(piece, out, found, order.conditions.size, 0.0)


def keep_weights(
    piece: Piece,
    out: Path,
    weights: Path,
    size: str,
    seconds: float,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Copy weights to where a piece's validations look for them, and write its result.

    Args:
        piece: A training.
        out: Results folder.
        weights: They stay where they are.
        size: Of the networks.
        seconds: That an attempt took [s]; 0: unknown.
        facts: What else its result tells.

    Raises:
        WeightsError: if the weights are of another method.
        ConfigError: if others lie there already.
    """
    copy_weights(piece, out, weights, size)
    values = {
        "attempts": piece.attempts,
        "weights": tensor_digest(load_weights(weights)[0]),
        "seconds_per_attempt": seconds,
    }
    write_json(piece.result(out), {**values, **(facts or {}), "commit": commit()})


def copy_weights(piece: Piece, out: Path, weights: Path, size: str) -> None:
    """Copy weights to where a piece's validations look for them; raises as `keep_weights`."""
    read_trained_weights(weights, load_method(configuration(piece.method, size))[1])
    path = piece.snapshot(out)
    digest = tensor_digest(load_weights(weights)[0])
    if path.is_file() and tensor_digest(load_weights(path)[0]) != digest:
        raise ConfigError(f"'{path}' holds other weights than '{weights}'; choose another --out.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    shutil.copyfile(weights, partial)
    partial.replace(path)
