"""Which steps can be learned from."""

from equigrasp.replay.step import Step


def now_learnable(previous: Step | None, step: Step) -> tuple[bool, bool]:
    """Tell whether a step that has come makes the one before it, and itself, one to learn from.

    A terminal step (discount 0) stands alone; any other needs the step after it in its episode. So the last one of
    an episode that was cut off teaches nothing: nobody knows what would have come of it. Nor does the newest one
    of an episode that goes on.

    Args:
        previous: The step that came before; None: there is none, or it is gone.
        step: The one that has come.
    """
    is_next = (
        previous is not None
        and not previous.is_last
        and (previous.episode, previous.index + 1) == (step.episode, step.index)
    )
    return is_next, step.discount == 0.0
