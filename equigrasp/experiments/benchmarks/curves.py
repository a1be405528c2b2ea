"""Learning curves of a results folder, as in the paper's figures 3 and 5."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from equigrasp.experiments.benchmarks.plan import SIMULATION_SET
from equigrasp.experiments.benchmarks.protocol import Order, benchmarks
from equigrasp.experiments.benchmarks.published import label, simulation
from equigrasp.experiments.benchmarks.results import MethodResults, estimate
from equigrasp.experiments.benchmarks.tables import WINDOW, Results

_SHORT_WINDOW = 50  # attempts of the thin line


def running_mean(outcomes: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last `window` entries at each entry, of fewer at the start."""
    sums = np.concatenate([[0.0], np.cumsum(outcomes)])
    ends = np.arange(1, len(outcomes) + 1)
    starts = np.maximum(0, ends - window)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def training_curve(found: MethodResults, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the running mean of success, and its standard error, over seeds [%].

    At each attempt over the seeds that have got that far; the error of one seed is NaN.
    """
    curves = [100 * running_mean(o, window) for o in found.outcomes.values()]
    length = max((len(c) for c in curves), default=0)
    values = [estimate([float(c[i]) for c in curves if len(c) > i]) for i in range(length)]
    return np.array([v.mean for v in values]), np.array([v.standard_error for v in values])


def draw_curves(order: Order, out: Path, results: Results) -> None:
    """Draw `<benchmark>.png` for each benchmark of the order: training beside validation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for name in order.benchmarks:
        benchmark = benchmarks()[name]
        is_robot = benchmark.protocol == "robot"
        figure = Figure(figsize=(7.0, 5.0) if is_robot else (13.0, 5.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 1 if is_robot else 2, sharey=True, squeeze=False)[0]
        for i, method in enumerate(benchmark.methods):
            color = f"C{i}"
            shown = label(method, order.conditions.size)
            _draw_training(axes[0], results[method], shown, color)
            if not is_robot:
                _draw_validation(axes[1], method, results[method], color)
        axes[0].set(ylabel="success [%]", ylim=(0, 100), title=f"training, mean of {WINDOW}")
        if not is_robot:
            axes[1].set_title("validation of frozen weights; ×: published")
        for axis in axes:
            axis.set_xlabel("grasp attempts")
            axis.grid(alpha=0.3)
        if axes[0].lines:
            figure.legend(loc="outside lower center", ncols=3, fontsize="small")
        figure.suptitle(f"{benchmark.title}, cell {order.conditions.cell}")
        partial = out / f".{name}.{os.getpid()}.part.png"  # several commands may draw at once
        figure.savefig(partial, dpi=110)
        partial.replace(out / f"{name}.png")


def _draw_training(axis: Any, found: MethodResults, name: str, color: str) -> None:
    """Draw the mean over seeds, with its standard error where there are several."""
    if not found.outcomes:
        return
    for window, style in ((WINDOW, {"lw": 1.8, "label": name}), (_SHORT_WINDOW, {"lw": 0.5})):
        mean, error = training_curve(found, window)
        attempts = np.arange(1, len(mean) + 1)
        axis.plot(attempts, mean, color=color, **style)
        if window == WINDOW:
            axis.fill_between(attempts, mean - error, mean + error, color=color, alpha=0.2, lw=0)


def _draw_validation(axis: Any, method: str, found: MethodResults, color: str) -> None:
    known = sorted(k for k in found.validations if k[1] == SIMULATION_SET)
    values = [estimate(list(found.validations[k].values())) for k in known]
    if not known:
        return
    axis.errorbar(
        [k[0] for k in known],
        [100 * v.mean for v in values],
        yerr=[0.0 if np.isnan(v.standard_error) else 100 * v.standard_error for v in values],
        color=color,
        marker="o",
        capsize=3,
    )
    last = max(450, known[-1][0])
    published = {a: f for a, f in simulation(method).items() if a <= last}
    if published:
        axis.scatter(
            list(published), [f.mean for f in published.values()], marker="x", color=color
        )
