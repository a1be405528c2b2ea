"""Whose goals a server takes: two graphs never take turns in moving one robot.

A process that belongs to a graph marks the ids of its goals with the graph's token. A server that belongs
to a graph refuses goals with the mark of another. Goals without a mark are those of people and of other
software; they are taken as ever.
"""

import threading
import time
import uuid

from unique_identifier_msgs.msg import UUID

from equigrasp.devices.owner import graph_token, owner_of_this_process

_HOLD = 5.0  # [s] for which a server without a graph stays with a commander that fell silent
_TOKEN_LENGTH = 6  # bytes
_MARK = 0x80  # RFC 9562, version 8: ids with a meaning of their own; rclpy's are of version 4


def make_goal_id() -> UUID:
    """Return an id for a goal, with the mark of this process's graph if it belongs to one."""
    data = bytearray(uuid.uuid4().bytes)
    token = graph_token()
    if token is not None:
        data[:_TOKEN_LENGTH] = token
        data[6] = _MARK | data[6] & 0x0F
    return UUID(uuid=list(data))


def token_of(goal_id: UUID) -> bytes | None:
    """Return the token of the graph that a goal comes from; None: it has no mark."""
    data = bytes(goal_id.uuid)
    return data[:_TOKEN_LENGTH] if data[6] & 0xF0 == _MARK else None


class Commanders:
    """Remembers who commands one server.

    A server that was started by hand has no graph. It stays with the commander that it heard last, until
    that one has been silent for a while.
    """

    def __init__(self) -> None:
        owner = owner_of_this_process()
        self._graph = None if owner is None else bytes.fromhex(owner.token)
        self._holder: bytes | None = None
        self._heard = 0.0
        self._lock = threading.Lock()

    def hear(self, goal_id: UUID) -> None:
        """Take note of a sign of life of a goal's commander."""
        with self._lock:
            if self._holder is not None and token_of(goal_id) == self._holder:
                self._heard = time.monotonic()

    def refusal(self, goal_id: UUID) -> str:
        """Return why a goal must not be carried out; empty: it may."""
        token, now = token_of(goal_id), time.monotonic()
        if token is None:
            return ""
        with self._lock:
            holder = self._graph
            if holder is None and now - self._heard < _HOLD:
                holder = self._holder
            if holder in (None, token):
                self._holder, self._heard = token, now
                return ""
        return (
            f"Goal of another graph ({token.hex()}); this robot is commanded by {holder.hex()}. "
            "Give each graph a ROS_DOMAIN_ID of its own."
        )
