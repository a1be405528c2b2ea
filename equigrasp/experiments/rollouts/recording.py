"""What is written down of an action that was carried out: a step of the log, and a row of the metrics."""

import time
from typing import Any

from equigrasp.experiments.rollouts.loop import LoopStep
from equigrasp.experiments.runs.metrics_file import AttemptRow
from equigrasp.learning.method import Method
from equigrasp.replay.step import Step


def to_step(
    method: Method[Any], config: Any, made: LoopStep[Any], index: int, episode: int
) -> Step:
    """Return the step that a method learns from.

    Args:
        method: Says what of observation and action is kept.
        config: The method's configuration.
        made: What was carried out.
        index: Number of the step in its log.
        episode: Number of its episode.
    """
    seen = method.encode(made.decision.aimed(made.observation))
    action, executed = made.decision.encoded, made.result.executed
    if executed is not None and method.with_executed is not None:
        action = method.with_executed(config, seen, action, executed)
    return Step(
        index,
        episode,
        seen,
        action,
        made.result.reward,
        made.result.discount,
        made.result.is_truncated,
    )


def to_row(made: LoopStep[Any], number: int) -> AttemptRow:
    """Return the row of `metrics.csv` that ends now."""
    decision, outcome = made.decision, made.result.outcome
    return AttemptRow(
        time.time(),
        number,
        int(outcome.is_success),
        decision.policy_version,
        outcome.duration,
        outcome.idle_time,
        decision.decision_time,
    )
