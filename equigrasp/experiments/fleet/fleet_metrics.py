"""`metrics.csv` of a fleet: the episodes of all robots in the order in which they ended."""

from dataclasses import replace
from pathlib import Path

from equigrasp.experiments.fleet.log_check import SHARD_LOGS
from equigrasp.experiments.runs.metrics_file import MetricsFile, rows_of_log


def write_metrics(run: Path, metrics: Path) -> int:
    """Write a row for each episode in the logs of a fleet's shards; return how many there are.

    Args:
        run: Folder of the fleet.
        metrics: The file; it is written anew.
    """
    rows = [row for log in sorted(run.glob(SHARD_LOGS)) for row in rows_of_log(log)]
    file = MetricsFile(metrics, 0)
    for number, row in enumerate(sorted(rows, key=lambda row: row.time)):
        file.add_attempt(replace(row, attempt=number))
    return len(rows)
