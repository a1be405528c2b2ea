"""Whether an image is new enough, told by clocks that somebody may set."""

import math

_AHEAD = 5.0  # [s] beyond which a stamp is of another clock; simulated time comes late, many times real time


def stamp_problem(stamp: float, not_before: float, now: float) -> str:
    """Return why an image is not to be used, empty where it is.

    An image from the future is none: when a clock was set back, it is from before that.

    Args:
        stamp: Of the image [s].
        not_before: When the question began [s].
        now: Time by the same clock as `not_before` [s].
    """
    if not math.isfinite(stamp):
        return "none has come so far"
    if stamp > now + _AHEAD:
        return f"the newest is stamped {stamp - now:.1f} s in the future: whose clock was set?"
    if stamp < not_before:
        return (
            f"the newest is stamped {not_before - stamp:.2f} s before it was wanted: it is late, the "
            "camera stands still, or a clock was set"
        )
    return ""
