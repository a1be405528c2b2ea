"""The result of a goal, or the news that its server is gone."""

import threading
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus

from equigrasp.ros.runtime.action_client import ActionClient

_ASK_PERIOD = 1.0  # [s] wall clock between questions for the result
_ABSENCE = 2.0  # [s] wall clock without a server after which it is gone


class AwaitedResult:
    """Asks for the result again and again.

    An answer that a killed server owes never comes. One that was started anew says that it does not
    know the goal; one that ended in good order is found to be absent at once, a killed one that nobody
    starts again when DDS gives it up (20 s by default).

    Args:
        client: Sent the goal.
        handle: The goal, accepted.
        on_end: Called once with the answer (`result`, `status`), in the client's thread.
    """

    def __init__(
        self,
        client: ActionClient,
        handle: Any,
        on_end: Callable[[Any], None] = lambda answer: None,
    ) -> None:
        self._client, self._handle, self._on_end = client, handle, on_end
        self._was_unknown = False
        self._lock = threading.Lock()
        self._seen = time.monotonic()  # when the server was last there
        self.answer: Any = None
        self._ask()

    @property
    def is_done(self) -> bool:
        """Whether the answer is there."""
        return self.answer is not None

    def loss(self) -> str:
        """Return why no answer will come, empty while one may; to be asked all the time."""
        if self.is_done:
            return ""
        now = time.monotonic()
        if self._client.server_is_ready():
            self._seen = now
        if self._was_unknown:
            return "its server was restarted and does not know the goal"
        if now - self._seen > _ABSENCE:
            return "its server is gone"
        if now > self._asked + _ASK_PERIOD:
            self._ask()
        return ""

    def _ask(self) -> None:
        self._asked = time.monotonic()
        self._handle.get_result_async().add_done_callback(self._answered)

    def _answered(self, future: Any) -> None:
        answer = future.result()
        if answer.status == GoalStatus.STATUS_UNKNOWN:
            self._was_unknown = True
            return
        with self._lock:  # at a goal's end, all questions are answered together
            if self.is_done:
                return
            self.answer = answer
        self._on_end(answer)
