"""One role in a process of its own: turns, and between two of them the calls that came in."""

import queue
import threading

from equigrasp.experiments.fleet.message import PeerGoneError
from equigrasp.experiments.fleet.runtime import Role, answer, take_turn

_IDLE = 0.02  # [s] until the next turn of a role that had nothing to do
_PATIENCE = 60.0  # [s] that a call waits for the end of a turn


class RoleLoop:
    """Lets one thread alone touch a role: calls from others wait in a queue.

    Args:
        role: Is built in that thread.
    """

    def __init__(self, role: Role) -> None:
        self._role = role
        self._calls = queue.Queue[tuple[bytes, "queue.Queue[bytes]"]]()
        self._is_over = threading.Event()

    def serve(self, request: bytes) -> bytes:
        """Return the answer to a packed call; from any thread.

        Raises:
            PeerGoneError: if the role's turn takes too long, or it has ended.
        """
        reply = queue.Queue[bytes](1)
        self._calls.put((request, reply))
        try:
            return reply.get(timeout=_PATIENCE)
        except queue.Empty:
            raise PeerGoneError(f"No answer within {_PATIENCE:g} s.") from None

    def run(self) -> None:
        """Take turns until `end`, then close the role."""
        try:
            while not self._is_over.is_set():
                self._answer_calls(0.0 if take_turn(self._role) else _IDLE)
        finally:
            self._role.close()

    def end(self) -> None:
        """Have `run` return after the present turn; from any thread."""
        self._is_over.set()

    def _answer_calls(self, patience: float) -> None:
        """Answer what has come in; wait for the first call so long."""
        try:
            request, reply = (
                self._calls.get(timeout=patience) if patience else self._calls.get_nowait()
            )
            while True:
                reply.put(answer(self._role, request))
                request, reply = self._calls.get_nowait()
        except queue.Empty:
            return
