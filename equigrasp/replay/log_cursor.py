"""Reads episodes from several logs as they grow, and knows where it is: log replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from equigrasp.errors import ReplayError
from equigrasp.replay.frames import Episode, Frame, frames_of_file, record_of
from equigrasp.replay.step import ExperienceSpec


@dataclass(frozen=True)
class LogPosition:
    """How far a log was read.

    Args:
        path: The log.
        offset: Bytes read: an episode begins here, or the file ends.
        num_steps: Steps before it.
        num_episodes: Episodes before it.
    """

    path: str
    offset: int = 0
    num_steps: int = 0
    num_episodes: int = 0


class LogCursor:
    """Gives out the episodes of logs in turn, one of each, whole and in order.

    A log may not be there yet, and grow; a half-written record at its end is left where it is, as
    `ExperienceLog` leaves it. An episode without its last step is waited for, unless the next one has
    begun: then a crash ended it, and it is given out as it is.

    Args:
        paths: The logs.
        spec: What their steps must be.
        positions: Where to go on, as `positions` was; empty: at the beginning.

    Raises:
        ReplayError: if the positions are of other logs.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        spec: ExperienceSpec,
        positions: Sequence[LogPosition] = (),
    ) -> None:
        names = [str(path) for path in paths]
        if len(set(names)) < len(names):
            raise ReplayError(f"A log stands twice: {', '.join(names)}.")
        if positions and [p.path for p in positions] != names:
            raise ReplayError(
                f"Positions of {', '.join(p.path for p in positions)} are none of {', '.join(names)}."
            )
        self._spec = spec
        self._at = list(positions) or [LogPosition(name) for name in names]
        self._next = 0  # which log comes next
        for position in self._at:
            _check(position)

    @property
    def positions(self) -> tuple[LogPosition, ...]:
        """How far each log was read; what was not given out is read again from here."""
        return tuple(self._at)

    def rewind(self) -> None:
        """Begin all logs anew."""
        self._at = [LogPosition(position.path) for position in self._at]

    def read(self, max_steps: int) -> list[Episode]:
        """Return the next episodes, until they hold so many steps or the logs hold no more.

        Raises:
            ReplayError: if a record is damaged, or not what the spec says (names file and offset).
        """
        found, num_steps, num_empty = list[Episode](), 0, 0
        while num_steps < max_steps and num_empty < len(self._at):
            episode, self._at[self._next] = self._read_one(self._at[self._next])
            self._next = (self._next + 1) % len(self._at)
            num_empty = 0 if episode else num_empty + 1
            if episode:
                found.append(episode)
                num_steps += len(episode)
        return found

    def _read_one(self, at: LogPosition) -> tuple[Episode, LogPosition]:
        path, episode = Path(at.path), Episode()
        for frame in frames_of_file(path, at.offset):
            step, extras = record_of(path, frame)
            if episode and step.episode != episode[0][0].episode:
                return episode, _moved(at, frame.begin, len(episode))
            self._check(path, frame, episode, at, step.index)
            try:
                self._spec.check(step)
            except ReplayError as error:
                message = f"{path}: the record at byte {frame.begin} is of something else: {error}"
                raise ReplayError(message) from error
            episode.append((step, extras))
            if step.is_last:
                return episode, _moved(at, frame.end, len(episode))
        return Episode(), at

    def _check(
        self, path: Path, frame: Frame, episode: Episode, at: LogPosition, index: int
    ) -> None:
        expected = at.num_steps + len(episode)
        if index != expected:
            raise ReplayError(
                f"{path}: the record at byte {frame.begin} holds step {index} in the place of step "
                f"{expected}."
            )


def _moved(at: LogPosition, offset: int, num_steps: int) -> LogPosition:
    return LogPosition(at.path, offset, at.num_steps + num_steps, at.num_episodes + 1)


def _check(position: LogPosition) -> None:
    """Raise `ReplayError` where a log is shorter than what was read of it."""
    path = Path(position.path)
    size = path.stat().st_size if path.is_file() else 0
    if size < position.offset:
        raise ReplayError(
            f"{path}: has {size} bytes, of which {position.offset} were read: it was cut or deleted. "
            "Restore it, or begin it anew."
        )
