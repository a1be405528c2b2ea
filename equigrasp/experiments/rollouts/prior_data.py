"""What a run learns from beside its own attempts."""

from dataclasses import dataclass, replace
from typing import Any

from equigrasp.errors import ConfigError
from equigrasp.experiments.runs.run_folder import RunFolder


@dataclass(frozen=True)
class PriorData:
    """What a run learns from beside its own attempts.

    Args:
        logs: Experience logs of other runs.
        offline_steps: SGD steps on them alone, before any attempt.
    """

    logs: tuple[str, ...] = ()
    offline_steps: int = 0

    def put_into(self, config: Any) -> Any:
        """Return a method's configuration with these; raise `ConfigError` if its runs take no logs."""
        if self == PriorData():
            return config
        if not self.logs:
            raise ConfigError(f"{self.offline_steps} SGD steps before any attempt need a log.")
        if not hasattr(config.training, "prior_logs"):
            raise ConfigError(f"'{config.method}' does not learn from logs of other runs.")
        training = replace(
            config.training,
            prior_logs=self.logs,
            offline_steps=self.offline_steps,
            num_prior_episodes=0,  # what scripts do is in the logs, and …
            first_training_attempt=1,  # there is something to learn from at once
        )
        return replace(config, training=training)

    def of_run(self, run: RunFolder) -> "PriorData":
        """Return what a run began with, where there is one; raise `ConfigError` if this asks for other data."""
        try:
            if not run.config.is_file():
                return self
        except OSError:  # a name that is too long; `RunFolder.begin` tells of it
            return self
        told = run.read_config()["arguments"]
        kept = PriorData(tuple(told.get("logs", ())), int(told.get("offline_steps", 0)))
        if self not in (PriorData(), kept):
            raise ConfigError(
                f"'{run.path}' holds a run that began with {kept.offline_steps} SGD steps on "
                f"{', '.join(kept.logs) or 'no logs'}. Choose another folder with --out."
            )
        return kept

    @property
    def arguments(self) -> dict[str, Any]:
        """What a run folder keeps of it."""
        return {"logs": list(self.logs), "offline_steps": self.offline_steps} if self.logs else {}
