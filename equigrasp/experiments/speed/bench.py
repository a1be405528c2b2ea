"""How long the parts take on this machine, beside the published method written straightforwardly."""

import csv
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm import tqdm

from equigrasp.experiments.speed.learning_speed import Floor, LearningSpeed
from equigrasp.experiments.speed.replay_memory import measure_replay
from equigrasp.experiments.speed.simulation_speed import measure_simulation
from equigrasp.experiments.speed.stopwatch import Comparison, matrix_rates
from equigrasp.learning.precision import is_half_precision
from equigrasp.methods.registry import load_method

_COMPACT, _PAPER = ("asr:compact", "asr/equigrasp:compact"), ("asr:paper", "asr/equigrasp:paper")
_REPEATS = dict.fromkeys(_COMPACT, 7) | dict.fromkeys(_PAPER, 3)  # a step of these takes long


def bench(has_paper_size: bool = True, out: Path | None = None) -> None:
    """Print medians and ratios, and write them down.

    Args:
        has_paper_size: Measure the published size too, which takes minutes.
        out: Folder for `speed.txt`, which is what is printed, and `speed.csv`; None: `results/bench`.
    """
    comparisons, floors, lines = [], [], list(_describe_machine())
    methods = _COMPACT + _PAPER * has_paper_size
    for method in tqdm(methods, desc="learning and acting", unit="method"):
        found, bounds = LearningSpeed(method).measure(_REPEATS[method])
        comparisons += found
        floors += bounds
    policies = {}
    for method in _COMPACT:
        package, config = load_method(method)
        policies[method] = package.make_policy(config, package.make_networks(config, 0))
    simulated, parts, robot_time = measure_simulation(policies, _REPEATS[_COMPACT[0]])
    comparisons += [simulated, measure_replay()]
    lines += [*_compare(comparisons), "", *_bound(floors), ""]
    lines.append(f"{'':32} {'time':>12} {'of a robot attempt':>20}")
    for name, seconds in [*parts, ("robot time an attempt", robot_time)]:
        lines.append(f"{name:32} {1000 * seconds:9.1f} ms {100 * seconds / robot_time:18.1f} %")
    text = "\n".join(lines)
    print(text)
    folder = out or Path("results/bench")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.txt").write_text(f"{text}\n", encoding="utf-8")
    write_comparisons(folder / "speed.csv", comparisons)


def write_comparisons(path: Path, comparisons: list[Comparison]) -> None:
    """Write a row for each comparison."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["what", "unit", "ours", "reference", "reference_is", "times_better"])
        for c in comparisons:
            numbers = (f"{v:.4g}" for v in (c.ours, c.reference))
            rows.writerow([c.name, c.unit, *numbers, c.reference_name, f"{c.ratio:.2f}"])


def _describe_machine() -> Iterator[str]:
    found = matrix_rates() | matrix_rates(is_half_precision("auto", torch.device("cpu")))
    rates = ", ".join(f"{k} {2e-9 * v:.0f} GFLOP/s" for k, v in found.items())
    yield f"{torch.get_num_threads()} threads; measured: {rates}"


def _compare(comparisons: list[Comparison]) -> Iterator[str]:
    yield f"{'':44} {'ours':>10} {'reference':>10} {'ratio':>7}"
    for c in comparisons:
        numbers = f"{c.ours:10.3g} {c.reference:10.3g} {c.ratio:7.2f}"
        yield f"{f'{c.name} [{c.unit}]':44} {numbers}  {c.reference_name}"


def _bound(floors: list[Floor]) -> Iterator[str]:
    yield f"{'arithmetic [10^9 multiply-adds]':44} {'ours':>10} {'published':>10} {'floor [s]':>10} {'above it':>9}"
    for f in floors:
        counts = f"{1e-9 * f.multiplications:10.4g} {1e-9 * f.published_multiplications:10.4g}"
        yield f"{f.name:44} {counts} {f.floor:10.3g} {f.seconds / f.floor:8.1f}x"
