"""Steps kept as transitions: a step, and the one after it in its episode."""

import bisect

from equigrasp.methods.qt_opt.servo_step import is_success
from equigrasp.replay.learnable import now_learnable
from equigrasp.replay.step import Step


class TransitionSource:
    """Steps of one source in order, and which of them can be learned from.

    Those are as `now_learnable` says.

    Args:
        needs_outcome: Whether a step can be learned from only when its episode has ended by itself.
    """

    def __init__(self, needs_outcome: bool = False) -> None:
        self._needs_outcome = needs_outcome
        self._steps: list[Step] = []
        self._usable: list[int] = []  # steps in the order in which they became so
        self._since: list[int] = []  # index of the step that made each so; never falls
        self._outcomes: dict[int, float] = {}  # by episode
        self._open: list[int] = []  # steps of the present episode that wait for its outcome
        self.num_bytes = 0

    def add(self, step: Step) -> None:
        """Take in the next step."""
        number = len(self._steps)
        previous = self._steps[-1] if self._steps else None
        self._steps.append(step)
        self.num_bytes += sum(
            a.nbytes for arrays in (step.observation, step.action) for a in arrays.values()
        )
        is_next, stands_alone = now_learnable(previous, step)
        if not is_next:
            self._open = []  # of an episode that was never ended
        usable = [number - 1] * is_next + [number] * stands_alone
        if self._needs_outcome:
            self._open += usable
            usable = self._closed(step)
        self._usable += usable
        self._since += [step.index] * len(usable)

    def __len__(self) -> int:
        return len(self._usable)

    @property
    def num_steps(self) -> int:
        """Steps that were taken in, usable or not."""
        return len(self._steps)

    def count(self, newest: int) -> int:
        """Return how many transitions steps up to the index `newest` made usable."""
        return bisect.bisect_right(self._since, newest)

    def at(self, number: int) -> tuple[Step, Step | None, float]:
        """Return a transition by its number, below `count`: step, next one if any, and outcome.

        The outcome of its episode is 1 for a success, else 0; 0 too where nobody asks for it.
        """
        index = self._usable[number]
        step = self._steps[index]
        following = None if step.discount == 0.0 else self._steps[index + 1]
        return step, following, self._outcomes.get(step.episode, 0.0)

    def _closed(self, step: Step) -> list[int]:
        """Return the steps that wait, if this one ended their episode by itself; none if not."""
        if not step.is_last:
            return []
        waiting, self._open = self._open, []
        if step.discount > 0.0:  # cut off
            return []
        self._outcomes[step.episode] = float(is_success(step.reward))
        return waiting
