"""Episodes of a simulated robot of a fleet."""

import contextlib

import torch

from equigrasp.experiments.fleet.method_parts import MethodSettings
from equigrasp.experiments.rollouts.rollout_source import RolloutSource
from equigrasp.experiments.servo.closed_loop import make_source
from equigrasp.replay.frames import Episode
from equigrasp.seeding import derive_seed
from equigrasp.simulation.make import make_simulated_cell


class SimulatedSource:
    """An `EpisodeSource`: a robot in a simulation of its own.

    Its scenes depend on its seed and on the number of the first episode: a robot that begins again, where a process
    has died or a run goes on, meets new ones.

    Args:
        settings: Of the run.
        seed: Of this robot.
    """

    def __init__(self, settings: MethodSettings, seed: int) -> None:
        self._settings, self._seed = settings, seed
        self._method, self._config = settings.load()
        networks = self._method.make_networks(self._config, settings.seed)
        self._policy = self._method.make_policy(self._config, networks)
        self._stack = contextlib.ExitStack()
        self._source: RolloutSource | None = None
        self._simulation = self._stack.enter_context(
            make_simulated_cell(settings.cell, object_set=settings.objects, seed=seed)
        )

    def load(self, tensors: dict[str, torch.Tensor], version: int) -> None:
        """See `EpisodeSource.load`."""
        self._policy.load(tensors, version, "weights of the fleet")

    def run(self, number: int) -> Episode:
        """See `EpisodeSource.run`."""
        if self._source is None:
            self._source = self._begin(number)
        return self._source.run(number)

    def close(self) -> None:
        """See `EpisodeSource.close`."""
        self._stack.close()

    def _begin(self, first: int) -> RolloutSource:
        return make_source(
            self._method,
            self._config,
            self._policy,
            self._simulation,
            self._settings.split,
            derive_seed(self._seed, first),
            num_scripted=self._settings.num_scripted,
        )
