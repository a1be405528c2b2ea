"""Quality-of-service profiles, by what they are for."""

from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)


def sensor_data(depth: int = 2) -> QoSProfile:
    """Images and joint states: newest wins. Connects to reliable and best-effort publishers."""
    return QoSProfile(
        reliability=QoSReliabilityPolicy.BEST_EFFORT,
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
    )


def reliable(depth: int = 10) -> QoSProfile:
    """Streams whose every message counts, and publishers that anyone must be able to hear."""
    return QoSProfile(
        reliability=QoSReliabilityPolicy.RELIABLE,
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
    )


def latched(depth: int = 1) -> QoSProfile:
    """State that a late joiner must receive: policy version, calibration, static transforms."""
    return QoSProfile(
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
    )


def experience() -> QoSProfile:
    """Attempts, kept by the publisher so that a restarted learner receives what it missed."""
    return latched(depth=64)
