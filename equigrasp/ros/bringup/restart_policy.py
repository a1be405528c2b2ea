"""How often a process that dies is started again."""

import time

MAX_RESTARTS = 5  # in a row …
SHORT_LIFE = 60.0  # [s] … of lives shorter than this


class RestartPolicy:
    """Counts the deaths of one process that follow each other closely.

    A process that lived for a while begins anew: a long run survives many faults, and one that cannot
    work is not started for ever, however slowly it dies.
    """

    def __init__(self) -> None:
        self._num_short_lives = 0
        self._last_death = time.monotonic()

    def gives_up(self) -> bool:
        """Take note of a death; tell whether it was one too many."""
        now = time.monotonic()
        is_short = now - self._last_death < SHORT_LIFE
        self._num_short_lives = self._num_short_lives + 1 if is_short else 1
        self._last_death = now
        return self._num_short_lives > MAX_RESTARTS


def why_given_up(name: str, exit_code: int | None, log: str) -> str:
    """Return the line for people."""
    return (
        f"Node '{name}' died {MAX_RESTARTS + 1} times in a row, each time within {SHORT_LIFE:.0f} s "
        f"(last exit code {exit_code}); see {log}."
    )
