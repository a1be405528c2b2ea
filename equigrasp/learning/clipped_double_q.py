"""Targets of Q-learning: the value of the next state by slow copies of the network.

QT-Opt paper, sections 4.1 and F.4: where they differ, F.4 describes the system.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import torch

from equigrasp.learning.cross_entropy_method import Candidates, Found, ValueFunction

Target = Literal["single", "double", "clipped", "monte_carlo"]
Heads = Literal["mean", "min"]
States = tuple[torch.Tensor, ...]  # B in the first axis of each
Search = Callable[[ValueFunction], Found]  # in the states that are valued


class Critic(Protocol):
    """Values actions: states are encoded once, and each action costs the rest."""

    def encode(self, states: States) -> Any:
        """Return what all actions in a state share."""
        ...

    def logits(self, features: Any, candidates: Candidates) -> torch.Tensor:
        """Return the logits of candidates by each head, shape (B, N, heads)."""
        ...


def q_values(critic: Critic, features: Any, heads: Heads = "mean") -> ValueFunction:
    """Return the function that values candidates in some states, shape (B, N) in [0, 1].

    Args:
        critic: Values.
        features: Of the states, as it encoded them.
        heads: Whether an ensemble's mean counts, or the least of its heads.
    """

    def values(candidates: Candidates) -> torch.Tensor:
        probabilities = torch.sigmoid(critic.logits(features, candidates))
        return probabilities.mean(-1) if heads == "mean" else probabilities.amin(-1)

    return values


def next_values(
    target: Target,
    current: Critic,
    average: Critic,
    previous: Critic,
    states: States,
    search: Search,
    heads: Heads = "mean",
) -> torch.Tensor:
    """Return the value of states by their best action, shape (B,) in [0, 1], without gradient.

    - `single`: the average chooses the action and values it;
    - `double`: the current network chooses, the average values;
    - `clipped`: the average chooses, once; the smaller value of average and previous version holds.

    Args:
        target: Not `monte_carlo`, which asks for no value.
        current: Network that learns.
        average: See `TargetNetworks`.
        previous: See `TargetNetworks`.
        states: Of B.
        search: Finds the best action in these states.
        heads: See `q_values`; in the search the mean counts.
    """
    if target == "monte_carlo":
        raise ValueError("Targets by Monte Carlo are outcomes of episodes, not values of states.")
    with torch.no_grad():
        chooser = current if target == "double" else average
        features = chooser.encode(states)
        best = search(q_values(chooser, features)).best
        judges = (average, previous) if target == "clipped" else (average,)
        values = [
            q_values(judge, features if judge is chooser else judge.encode(states), heads)(best)
            for judge in judges
        ]
        return torch.cat(values, 1).amin(1)


def bellman_labels(
    rewards: torch.Tensor, discounts: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Return y = r + discount V, clipped to [0, 1]: a probability, which cross-entropy needs.

    With a penalty for each step y falls below 0 where V is small, whatever the paper says.

    Args:
        rewards: Shape (B,).
        discounts: Of the next state, shape (B,); 0: terminal, and the value counts for nothing, not even if
            it is no number.
        values: Of the next state, shape (B,).
    """
    ahead = torch.where(discounts > 0.0, discounts * values, torch.zeros_like(values))
    return (rewards + ahead).clamp(0.0, 1.0)
