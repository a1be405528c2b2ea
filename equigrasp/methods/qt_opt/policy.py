"""How a step of the gripper is chosen: the best that is found, or one that explores."""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.clipped_double_q import q_values
from equigrasp.learning.cross_entropy_method import Candidates, Found, ValueFunction, maximise
from equigrasp.learning.interfaces import CEM_SAMPLES, CROP, Context, Decision, Probe
from equigrasp.learning.network_policy import NetworkPolicy
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.mirrors import IMAGES, motion_signs
from equigrasp.methods.qt_opt.networks import Q, QCritic
from equigrasp.methods.qt_opt.probe_scene import probe_scene
from equigrasp.methods.qt_opt.servo_step import (
    COMMANDS,
    check_seen,
    decode_action,
    encode,
    encode_motion,
)
from equigrasp.methods.qt_opt.states import Seen, central_view, cut, may_end, see
from equigrasp.perception.observation import GRIPPER, Observation
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    tcp_of,
    unpack_heights,
)
from equigrasp.replay.step import Arrays

_NONE, _OPEN, _CLOSE = (COMMANDS.index(c) for c in ("none", "open", "close"))
_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A step in the network's frame: motion (4,) [m, m, m, rad], command, end, value."""

    motion: np.ndarray
    command: int
    is_end: bool
    value: float = float("nan")


class QtOptPolicy(NetworkPolicy):
    """Chooses steps within the bounds that the observation tells.

    Modes: `greedy`: the best step of the search; `train`: the same, but for a share that explores;
    `random`: any motion within bounds.

    Args:
        config: Network, steps, and how they are chosen.
        modules: See `NetworkPolicy`.
    """

    def __init__(self, config: QtOptConfig, modules: dict[str, torch.nn.Module]) -> None:
        super().__init__(modules)
        self._config = config
        self._largest = np.array(config.action.largest_step, np.float32)
        self._is_symmetric = config.network.symmetry == "network"

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[GripperStep]:
        """Choose a step; the same arguments and weights give the same one.

        Args:
            observation: As `servo_observation` and `servo_step` name its arrays.
            context: Of which the mode counts.
            rng: All randomness of the choice.

        Raises:
            PerceptionError: if an array is missing, or is not what this configuration sees.
        """
        began = time.perf_counter()
        arrays = encode(observation)
        check_seen(self._config.network, arrays)
        views: dict[str, np.ndarray] = {}
        acting = self._config.acting
        if context.mode == "random":
            chosen = self._explored(arrays, rng, is_uniform=True)
        elif context.mode == "train" and rng.random() < acting.epsilon:
            chosen = self._explored(arrays, rng, is_uniform=False)
        else:
            chosen, samples = self._best(arrays, rng)
            views = {CEM_SAMPLES: samples, CROP: self._crop(arrays)}
        encoded = encode_motion(chosen.motion, chosen.command, chosen.is_end)
        *_, yaw = tcp_of(observation)
        return Decision(
            action=decode_action(encoded, yaw, self._config.network.frame),
            encoded=encoded,
            value=chosen.value,
            views=views,
            policy_version=self.version,
            decision_time=time.perf_counter() - began,
        )

    def values(self, arrays: Arrays, candidates: Candidates) -> np.ndarray:
        """Return Q of candidates (1, N) in an observation as steps hold it, shape (N,)."""
        seen = self._see(arrays, (False, False))
        with self._lock, torch.inference_mode():
            moved = Candidates(
                candidates.motion.to(self._device), candidates.choices.to(self._device)
            )
            return np.asarray(self._values(seen)(moved)[0].cpu().numpy())

    def probe(self) -> Probe:
        """Return Q of some steps in a fixed scene, and how they follow mirrors if they should."""
        arrays, candidates = probe_scene(self._config)
        plain = self.values(arrays, candidates)
        answers = tuple(round(float(v), 4) for v in plain)
        if not self._is_symmetric:
            return Probe(answers)
        error = 0.0
        for image in IMAGES[1:]:
            signs = motion_signs(torch.tensor([image]))
            mirrored = Candidates(candidates.motion * signs[:, None], candidates.choices)
            values = self.values(_mirrored(arrays, image), mirrored)
            error = max(error, float(np.abs(values - plain).max()))
        return Probe(answers, error)

    def _best(self, arrays: Arrays, rng: np.random.Generator) -> tuple[_Chosen, np.ndarray]:
        """Return the best step found, and the samples of `CEM_SAMPLES`.

        A symmetric policy looks at that of the four mirror images which comes first in an order of its
        own, and mirrors what it finds: so it searches alike in all four, to the last bit.
        """
        image = _first_image(arrays) if self._is_symmetric else IMAGES[0]
        seen = self._see(arrays, image)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        with self._lock, torch.inference_mode():
            search = partial(
                maximise,
                space=seen.space(self._config.acting),
                config=self._config.search,
                generator=generator,
            )
            found = search(self._values(seen))
        signs = motion_signs(torch.tensor([image])).numpy()[0]
        best = self._in_metres(found.best.motion, signs)[0]
        low, high = arrays[BOUNDS]
        command, end = (int(n) for n in found.best.choices[0, 0])
        motion = np.clip(best, low, high)
        chosen = _Chosen(motion, command, bool(end), float(found.value[0]))
        return chosen, self._samples(found, signs)

    def _samples(self, found: Found, signs: np.ndarray) -> np.ndarray:
        """Return the last batch as `CEM_SAMPLES`, those that were allowed."""
        motion = self._in_metres(found.batch.motion, signs)
        choices = found.batch.choices[0].cpu().numpy().astype(np.float32)
        values = found.values[0].cpu().numpy()
        samples = np.column_stack([motion, choices, values])
        return np.asarray(samples[np.isfinite(values)])

    def _in_metres(self, motion: torch.Tensor, signs: np.ndarray) -> np.ndarray:
        """Return motions of the one state, (1, N, 4), in metres and radians, shape (N, 4)."""
        return np.asarray(motion[0].cpu().numpy() * signs * self._largest)

    def _explored(self, arrays: Arrays, rng: np.random.Generator, *, is_uniform: bool) -> _Chosen:
        """Return a random motion, a toggle of the fingers or an end, by their shares."""
        acting = self._config.acting
        low, high = arrays[BOUNDS]
        closed = arrays[GRIPPER][2] > 0.5
        kind = int(rng.choice(3, p=acting.exploration_shares))
        noise = acting.noise * self._largest * rng.standard_normal(4)
        motion = rng.uniform(low, high) if is_uniform else np.clip(noise, low, high)
        still = np.clip(np.zeros(4), low, high).astype(np.float32)
        if kind == 1:
            return _Chosen(still, _OPEN if closed else _CLOSE, False)
        if kind == 2 and may_end(self._config.action, arrays[GRIPPER][None])[0]:
            return _Chosen(still, _NONE, True)
        return _Chosen(np.clip(motion.astype(np.float32), low, high), _NONE, False)

    def _see(self, arrays: Arrays, image: tuple[bool, bool]) -> Seen:
        view = central_view(self._config.network, image)
        return see(self._config, [arrays], view, self._device)

    def _values(self, seen: Seen) -> ValueFunction:
        critic = QCritic(self._config, self._modules[Q], self._is_symmetric)
        return q_values(critic, critic.encode(seen.states))

    def _crop(self, arrays: Arrays) -> np.ndarray:
        """Return what the network saw, as `CROP`."""
        network = self._config.network
        offset = central_view(network).offsets[0]
        if network.observation == "color":
            return cut(network, arrays[PICTURE], offset)
        return unpack_heights(cut(network, arrays[HEIGHTS], offset))


def make_policy(config: QtOptConfig, modules: dict[str, torch.nn.Module]) -> QtOptPolicy:
    """Return the policy of a configuration; it owns the modules."""
    return QtOptPolicy(config, modules)


def _mirrored(arrays: Arrays, image: tuple[bool, bool]) -> dict[str, np.ndarray]:
    """Return an observation as it would be seen in a mirror."""
    axes = tuple(axis for axis, is_mirrored in enumerate(image) if is_mirrored)
    signs = motion_signs(torch.tensor([image])).numpy()[0]
    first, second = arrays[BOUNDS] * signs
    bounds = np.stack([np.minimum(first, second), np.maximum(first, second)])
    flipped = {name: np.flip(arrays[name], axes) for name in (HEIGHTS, AGE)}
    return {**arrays, **flipped, BOUNDS: bounds}


def _first_image(arrays: Arrays) -> tuple[bool, bool]:
    """Return the mirror image of an observation whose bytes come first: the same of all its images."""

    def order(image: tuple[bool, bool]) -> tuple[bytes, ...]:
        seen = _mirrored(arrays, image)
        bounds = seen[BOUNDS] + np.float32(0.0)  # no -0
        return tuple(np.ascontiguousarray(a).tobytes() for a in (seen[HEIGHTS], seen[AGE], bounds))

    return min(IMAGES, key=order)
