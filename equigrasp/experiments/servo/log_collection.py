"""A log of episodes in closed loop that others learn from, by scripts or by a policy as it explores."""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tqdm import tqdm

from equigrasp.environments.servo_script import (
    AimedScript,
    MixedScript,
    NoisyScript,
    UniformScript,
)
from equigrasp.environments.servo_task import ServoTask
from equigrasp.experiments.rollouts.rollout_source import RolloutSource
from equigrasp.experiments.servo.closed_loop import make_source
from equigrasp.experiments.servo.task import task_of
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import make_simulated_cell


@dataclass(frozen=True)
class LogCounts:
    """What a log holds: whole episodes only.

    Args:
        transitions: Steps.
        episodes: Whole episodes.
        successes: Of these.
    """

    transitions: int = 0
    episodes: int = 0
    successes: int = 0

    @property
    def facts(self) -> dict[str, float]:
        """Return the counts and the success rate."""
        return asdict(self) | {"success_rate": self.successes / max(1, self.episodes)}


def collect_log(
    arguments: dict[str, str],
    weights: Path | None,
    num_steps: int,
    path: Path,
    tell: Callable[[LogCounts], None] = lambda counts: None,
) -> LogCounts:
    """Collect a log, or carry on collecting it, until it holds so many steps; return what it holds.

    Args:
        arguments: `cell`, `method`, `objects`, `split` and `seed`.
        weights: Of the policy, which acts as in training; None: scripts act.
        num_steps: The last episode may go beyond.
        path: The log.
        tell: Called at the beginning and after each episode.

    Raises:
        WeightsError: if the weights do not fit method and cell.
        ReplayError: if the log is damaged, or another process writes to it.
    """
    method, config = load_method(arguments["method"])
    seed = int(arguments["seed"])
    with make_simulated_cell(
        arguments["cell"], object_set=arguments["objects"], seed=seed
    ) as simulation:
        cell = simulation.cell.config
        policy = method.make_policy(config, method.make_networks(config, seed))
        if weights is not None:
            load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
        spec = method.make_spec(config, cell.workspaces[0])
        with contextlib.closing(ExperienceLog(path, spec)) as log:
            counts = _recover(log)
            tell(counts)
            if counts.transitions >= num_steps:
                return counts
            scenes = derive_seed(seed, Stream.LOGS, int(weights is None), counts.episodes)
            source = make_source(
                method,
                config,
                policy,
                simulation,
                arguments["split"],
                scenes,
                script=log_script(task_of(config)),
                num_scripted=sys.maxsize if weights is None else 0,
            )
            return _append(log, source, counts, num_steps, tell)


def _append(
    log: ExperienceLog,
    source: RolloutSource,
    counts: LogCounts,
    num_steps: int,
    tell: Callable[[LogCounts], None],
) -> LogCounts:
    """Append episodes; see `collect_log`."""
    with tqdm(total=num_steps, initial=counts.transitions, unit="step", desc="log") as bar:
        while counts.transitions < num_steps:
            episode = source.run(counts.episodes)
            at = enumerate(episode, counts.transitions)
            log.append_episode([(replace(step, index=i), extras) for i, (step, extras) in at])
            counts = LogCounts(
                counts.transitions + len(episode),
                counts.episodes + 1,
                counts.successes + int(episode[-1][0].reward > 0.0),
            )
            tell(counts)
            bar.update(len(episode))
    return counts


def log_script(task: ServoTask) -> MixedScript:
    """Return scripts for a log: noisy, and so mixed that some 30 % of episodes succeed (QT-Opt, appendix C.1)."""
    kinds = (UniformScript, UniformScript, AimedScript)
    return MixedScript([NoisyScript(kind(task), task) for kind in kinds])


def _recover(log: ExperienceLog) -> LogCounts:
    """Cut off an episode that a crash kept from its end; return what is left."""
    counts, num_steps = LogCounts(), 0
    for step, _ in log:
        num_steps += 1
        if step.is_last:
            is_success = int(step.reward > 0.0)
            counts = LogCounts(num_steps, counts.episodes + 1, counts.successes + is_success)
    log.drop_last(num_steps - counts.transitions)
    return counts
