"""Small episodes whose arrays say which step they are of."""

import numpy as np

from equigrasp.replay.frames import Episode
from equigrasp.replay.step import ArraySpec, ExperienceSpec, Step

SPEC = ExperienceSpec(
    observation={
        "heights": ArraySpec((2, 3), "uint16", "zlib", "0.1 mm"),
        "state": ArraySpec((2,), "float32"),
    },
    action={"motion": ArraySpec((2,), "float32", low=-1.0, high=1.0)},
    reward_range=(-0.1, 1.0),
)


def make_episode(
    number: int, length: int = 4, first: int = 0, reward: float = 1.0, is_cut: bool = False
) -> Episode:
    """Return an episode: `state` holds (episode, place in it), `heights` the place.

    Args:
        number: Of the episode.
        length: Its steps.
        first: Index of its first step in the log.
        reward: Of its last step.
        is_cut: Whether it was cancelled rather than ended.
    """
    rng = np.random.default_rng([1, number])
    episode = []
    for place in range(length):
        is_end = place == length - 1
        observation = {
            "heights": np.full((2, 3), place, np.uint16),
            "state": np.array([number, place], np.float32),
        }
        action = {"motion": rng.uniform(-1.0, 1.0, 2).astype(np.float32)}
        outcome = (reward, 0.9 if is_cut else 0.0, is_cut) if is_end else (-0.02, 0.9, False)
        episode.append(
            (Step(first + place, number, observation, action, *outcome), {"seq": number})
        )
    return episode


def steps_of(episode: Episode) -> list[Step]:
    """Return the steps alone."""
    return [step for step, _ in episode]
