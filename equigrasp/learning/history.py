"""What a policy is told of the choices that failed."""

from equigrasp.learning.interfaces import Attempt

_UNKNOWN = Attempt("", {}, 0.0)


def last_failures(choices: tuple[Attempt, ...], count: int) -> tuple[Attempt, ...]:
    """Return the last choices as a history of failures, newest last.

    Args:
        choices: Those that are known, newest last.
        count: How many of the last choices failed; for those before the first known one an attempt
            without workspace and action stands.
    """
    known = choices[max(0, len(choices) - count) :]
    return (_UNKNOWN,) * (count - len(known)) + known
