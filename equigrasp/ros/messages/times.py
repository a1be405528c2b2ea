"""Between time messages and seconds."""

from builtin_interfaces.msg import Time


def to_time(seconds: float) -> Time:
    """Return a time message."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def from_time(message: Time) -> float:
    """Return seconds."""
    return float(message.sec + message.nanosec * 1e-9)
