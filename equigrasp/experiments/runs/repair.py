"""Makes a damaged run one that resumes: cuts, moves aside, says what was lost, and deletes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.experiments.runs.metrics_file import MetricsFile
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.weight_store import load_weights
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog, cut_log
from equigrasp.replay.step import Step

ASIDE = "set_aside"  # folder of what was taken out of a run


def repair_run(folder: Path) -> list[str]:
    """Repair a run that no other process uses, and return what was done, a line each.

    What the log holds is kept up to its first damaged record; checkpoints and weights that learned
    from more are moved aside, and a run that resumes learns anew from its log.

    Raises:
        ConfigError: if the folder holds no run.
        ReplayError: if a process is writing to the run.
    """
    run, aside = RunFolder(folder), _Aside(folder)
    if not (run.config.exists() or run.log.exists() or run.weights.is_dir()):
        raise ConfigError(
            f"'{folder}' holds no run: no config.yaml, no experience.log, no weights."
        )
    done = []
    arguments, config = _read_config(run)
    if run.log.exists():
        done += cut_log(run.log, aside.free_path(run.log), _check_of(arguments))
    if config is None and run.config.exists():
        done.append(
            f"config.yaml cannot be read: moved to {aside.move(run.config)}. Resume with the run's own "
            "arguments; it is then written again"
        )
    done += _move_stale(run, config, aside)
    records = list(ExperienceLog(run.log, is_writing=False)) if run.log.exists() else []
    if run.metrics.exists() or records:
        before = run.metrics.read_bytes() if run.metrics.is_file() else b""
        MetricsFile(run.metrics, len(records))
        if run.metrics.read_bytes() != before:
            done.append("metrics.csv was brought in line with the log")
    done.append(f"the log holds {len(records)} sound attempts")
    return done


class _Aside:
    """Takes things out of a run folder, under names that are free."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ASIDE

    def free_path(self, path: Path) -> Path:
        for number in range(1000):
            found = self._folder / (f"{path.name}.{number}" if number else path.name)
            if not found.exists():
                return found
        raise ConfigError(f"'{self._folder}' is full of what was set aside before; empty it.")

    def move(self, path: Path) -> Path:
        target = self.free_path(path)
        target.parent.mkdir(exist_ok=True)
        shutil.move(path, target)
        return target


def _read_config(run: RunFolder) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the arguments and the configuration of a run; no configuration if it cannot be read."""
    try:
        config = run.read_config()
    except ConfigError:
        return {}, None
    return config["arguments"], config


def _move_stale(run: RunFolder, config: dict[str, Any] | None, aside: _Aside) -> list[str]:
    """Move weights aside that are damaged, or learned from more than the log holds."""
    due = _num_steps_due(run, config)
    files = [*(run.path / "checkpoints").glob("*.safetensors"), *run.weights.glob("*.safetensors")]
    done = []
    for path in sorted(files):
        try:
            version = int(load_weights(path)[1].get("version", "-1"))
        except (WeightsError, ValueError):
            done.append(f"{path.relative_to(run.path)} is damaged: moved to {aside.move(path)}")
            continue
        if version > due:
            done.append(
                f"{path.relative_to(run.path)} knows {version} SGD steps, the log calls for {due}: "
                f"moved to {aside.move(path)}"
            )
    return done


def _num_steps_due(run: RunFolder, config: dict[str, Any] | None) -> int:
    """Return how many SGD steps the log calls for; 0 where nobody knows: all is learned anew."""
    training = (config or {"method": {}})["method"].get("training")
    try:
        per_attempt = int(training["steps_per_attempt"])  # type: ignore[index]
        first = int(training["first_training_attempt"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return 0
    due = 0
    if run.log.exists():
        for number, (_, extras) in enumerate(ExperienceLog(run.log, is_writing=False), start=1):
            due = int(extras.get("steps_due", due + per_attempt if number >= first else 0))
    return due


def _check_of(arguments: dict[str, Any]) -> Callable[[Step], None]:
    """Return what holds a step against the run's configuration, as far as that is known."""
    try:
        method, config = load_method(str(arguments["method"]))
        workspace = load_cell(str(arguments["cell"])).workspaces[0]
    except (ConfigError, KeyError):
        return lambda step: None
    return method.make_spec(config, workspace).check
