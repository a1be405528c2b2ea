"""What a policy is told of the choices that failed."""

from equigrasp.learning.interfaces import Attempt

_UNKNOWN = Attempt("", {}, 0.0)


def last_failures(choices: tuple[Attempt, ...], count: int) -> tuple[Attempt, ...]:
    """Return the last choices as a history of failures, newest last.

    Args:
        choices: Those that are known, newest last.
        count: How many of the last choices failed; for those before the first known one an attempt
            without workspace and action stands. Choices by rule are not counted, and stay until a success.
    """
    if not count:
        return ()
    counted = [i for i, choice in enumerate(choices) if not choice.is_by_rule]
    first = counted[-count] if count <= len(counted) else 0
    known = tuple(c for i, c in enumerate(choices) if i >= first or c.is_by_rule)
    return (_UNKNOWN,) * (count - len(counted)) + known
