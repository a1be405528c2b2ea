"""How many of what a fleet has, and how its parts are set."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from equigrasp.config import find_config, from_mapping, merge, read_yaml
from equigrasp.errors import ConfigError
from equigrasp.experiments.fleet.runtime import RoleSpec
from equigrasp.experiments.fleet.updater import LABELS
from equigrasp.experiments.fleet.weight_shelf import SHELF
from equigrasp.learning.data_mix import DataMix
from equigrasp.learning.method_config import check_bounds
from equigrasp.replay.rate_limiter import RateLimiter

_HERE = "equigrasp.experiments.fleet"
_USES = "uses_per_transition"
_NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True)
class FleetPlan:
    """A fleet; `load_plan` reads it from YAML.

    Args:
        parts: `module:function` that makes `FleetParts` of `of_parts`.
        of_parts: What that function is called with.
        num_collectors: Robots; 0: learning from logs alone.
        num_shards: Replay shards.
        num_updaters: Bellman updaters.
        logs: Logs of before, replayed into the buffers `offline`.
        capacity: Steps in each buffer, all shards together.
        batch_size: Of labels and of minibatches.
        label_capacity: Labels in the buffer `train`.
        uses_per_label: How often a label is drawn.
        uses_per_transition: Samples that each step of a robot calls for; 0: without balance.
        slack_batches: Minibatches by which learning may run ahead of robots, and lag behind.
        first_transitions: Steps of robots before the first SGD step.
        is_blocking: Whether robots wait for the learner.
        publish_every: SGD steps between two versions of the weights.
        lag: SGD steps by which the second target lags at least.
        average_decay: Of the averaged weights, the first target.
        weights_every: Episodes of a collector between two looks for newer weights.
        num_scripted: Episodes by scripts at the beginning, of all collectors together.
        max_steps: SGD steps of the run.
        mix: Share of on-policy data.
        seed: Of the run.

    Raises:
        ConfigError: if a number is out of its range, or nothing would bring data.
    """

    parts: str
    of_parts: dict[str, Any] = field(default_factory=dict)
    num_collectors: int = 1
    num_shards: int = 1
    num_updaters: int = 1
    logs: tuple[str, ...] = ()
    capacity: int = 300_000
    batch_size: int = 64
    label_capacity: int = 20_000
    uses_per_label: float = 1.0
    uses_per_transition: float = 20.0
    slack_batches: int = 16
    first_transitions: int = 1000
    is_blocking: bool = True
    publish_every: int = 250
    lag: int = 500
    average_decay: float = 0.999
    weights_every: int = 1
    num_scripted: int = 0
    max_steps: int = 100_000
    mix: DataMix = DataMix()
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("num_shards", "num_updaters", "batch_size", "publish_every", "weights_every")
        more = ("max_steps", "slack_batches", "first_transitions")
        at_least_0 = ("num_collectors", "lag", "uses_per_transition", "num_scripted")
        check_bounds(self, ("uses_per_label",), (*counts, *more), at_least_0)
        if not self.num_collectors and not self.logs:
            raise ConfigError("A fleet learns from collectors or from logs; found neither.")
        if not self.num_collectors and self.uses_per_transition:
            raise ConfigError(
                f"uses_per_transition {self.uses_per_transition} needs collectors: logs alone bring no "
                "transitions to count. Set it to 0."
            )
        if min(self.label_capacity, self.capacity // self.num_shards) < self.batch_size:
            raise ConfigError(
                f"label_capacity {self.label_capacity} and the capacity {self.capacity} of "
                f"{self.num_shards} shards must each hold a batch of {self.batch_size}."
            )

    @property
    def limiter(self) -> RateLimiter | None:
        """Balance between robots and learning."""
        if not self.uses_per_transition:
            return None
        return RateLimiter(
            self.uses_per_transition,
            self.slack_batches * self.batch_size,
            self.first_transitions,
            self.is_blocking,
        )

    @property
    def label_limiter(self) -> RateLimiter:
        """Balance between labels and learning: updaters are some batches ahead at most."""
        slack = int(max(1.0, self.uses_per_label) * self.batch_size * (1 + self.num_updaters))
        return RateLimiter(self.uses_per_label, slack, self.batch_size)


def load_plan(
    name: str, below: Mapping[str, Any] = _NOTHING, above: Mapping[str, Any] = _NOTHING
) -> FleetPlan:
    """Return a plan.

    Args:
        name: Of a file below `config/fleets`, or a path to a YAML file.
        below: Values of keys that the file does not have.
        above: Values of keys whatever the file says.

    Raises:
        ConfigError: if the file, a key or a value is unknown, missing or invalid.
    """
    path = find_config("fleets", name)
    values, below = read_yaml(path), dict(below)
    both = values | dict(above)
    if _USES in below and not both.get("num_collectors", FleetPlan.num_collectors):
        below[_USES] = 0.0  # logs alone bring no transitions to count
    return from_mapping(FleetPlan, merge(below | values, dict(above)), str(path))


def make_cast(plan: FleetPlan, folder: Path) -> dict[str, RoleSpec]:
    """Return all roles of a fleet by name, those first that others call.

    Args:
        plan: How many of what.
        folder: Of the run: logs, checkpoints and weights lie there.
    """
    shards = [f"replay{i}" for i in range(plan.num_shards)]
    common = {
        "parts": plan.parts,
        "of_parts": plan.of_parts,
        "folder": str(folder),
        "seed": plan.seed,
        "batch_size": plan.batch_size,
        "shards": shards,
    }
    limiter = asdict(plan.limiter) if plan.limiter else None
    num_versions = plan.lag // plan.publish_every + 3

    def role(maker: str, resources: Mapping[str, float] = _NOTHING, **settings: Any) -> RoleSpec:
        has_files = maker.startswith(("replay_shard:", "learner:"))
        return RoleSpec(f"{_HERE}.{maker}", common | settings, resources, has_files)

    cast = {
        SHELF: role("weight_shelf:make_shelf", num_kept=num_versions),
        LABELS: role(
            "label_shard:make_labels",
            capacity=plan.label_capacity,
            limiter=asdict(plan.label_limiter),
        ),
    }
    for i, name in enumerate(shards):
        cast[name] = role(
            "replay_shard:make_shard",
            capacity=plan.capacity // plan.num_shards,
            limiter=limiter or asdict(RateLimiter(1.0, 1, is_blocking=False)),
            logs=list(plan.logs[i :: plan.num_shards]),
        )
    cast["learner"] = role(
        "learner:make_learner",
        publish_every=plan.publish_every,
        num_versions=num_versions,
        average_decay=plan.average_decay,
        limiter=limiter,
        max_steps=plan.max_steps,
    )
    for i in range(plan.num_updaters):
        mix = asdict(plan.mix)
        cast[f"updater{i}"] = role("updater:make_updater", number=i, lag=plan.lag, mix=mix)
    for i in range(plan.num_collectors):
        cast[f"collector{i}"] = role(
            "collector:make_collector",
            {"robot": 1.0},
            number=i,
            shard=shards[i % plan.num_shards],
            weights_every=plan.weights_every,
        )
    return cast
