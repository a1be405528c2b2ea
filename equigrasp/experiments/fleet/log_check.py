"""Logs of before are looked at before a fleet learns from them."""

from collections.abc import Sequence
from pathlib import Path

from equigrasp.errors import ConfigError, ReplayError
from equigrasp.experiments.runs.metrics_file import LOG_NAME
from equigrasp.replay.frames import frames_of_file, record_of
from equigrasp.replay.step import ExperienceSpec

_CHECKED_EVERY = 1000  # records whose arrays are unpacked; the checksum of each is compared
SHARD_LOGS = "replay*.log"  # in the folder of a fleet


def find_logs(names: Sequence[str], out: Path) -> tuple[Path, ...]:
    """Return the absolute paths of logs.

    Args:
        names: Of logs, or of run folders, whose logs are meant.
        out: Folder of the run that is to learn from them.

    Raises:
        ConfigError: if there is none of a name, one is meant twice, or the run would learn from its own.
    """
    found = list[Path]()
    for name in names:
        path = Path(name).resolve()
        logs = [path]
        if path.is_dir():
            logs = [p for p in (path / LOG_NAME, *sorted(path.glob(SHARD_LOGS))) if p.is_file()]
        if not logs or not logs[0].is_file():
            raise ConfigError(
                f"There is no log '{name}': --log takes a file, or a run folder with {LOG_NAME} or {SHARD_LOGS}."
            )
        found += logs
    for log in found:
        if found.count(log) > 1:
            raise ConfigError(f"The log '{log}' is named twice.")
        if log.parent == out.resolve():
            raise ConfigError(
                f"'{log}' is a log of this very run, whose steps it learns from anyway. Name logs of other runs."
            )
    return tuple(found)


def check_log(path: Path, spec: ExperienceSpec) -> int:
    """Return how many steps a log holds.

    Raises:
        ReplayError: if a record is damaged, or a step is not what the spec says; names file and field.
        ConfigError: if it holds no steps.
    """
    count = 0
    for frame in frames_of_file(path):
        if count % _CHECKED_EVERY == 0:
            step, _ = record_of(path, frame)
            try:
                spec.check(step)
            except ReplayError as error:
                raise ReplayError(
                    f"{path}: step {count} is not what this method's steps are: {error} Was it logged by another "
                    "method, camera or size?"
                ) from error
        count += 1
    if not count:
        raise ConfigError(f"The log '{path}' holds no steps.")
    return count
