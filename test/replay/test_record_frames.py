"""Episodes as bytes: whole and sound, or refused."""

import numpy as np
import pytest
from episodes import SPEC, make_episode

from equigrasp.errors import ReplayError
from equigrasp.replay.frames import Frame, frames_of, pack_episode, pack_frame, unpack_episode


def test_an_episode_comes_back_as_it_was() -> None:
    episode = make_episode(7, first=30)
    found = unpack_episode(pack_episode(episode, SPEC), SPEC)
    assert [(s.index, s.episode, s.reward, s.discount, e) for s, e in found] == [
        (s.index, s.episode, s.reward, s.discount, e) for s, e in episode
    ]
    for (new, _), (old, _) in zip(found, episode, strict=True):
        assert np.array_equal(new.observation["heights"], old.observation["heights"])
        assert np.array_equal(new.action["motion"], old.action["motion"])


def test_every_altered_byte_is_found() -> None:
    """A flipped bit anywhere, in heads, checksums or payloads, refuses the whole episode."""
    data = pack_episode(make_episode(0, length=2), SPEC)
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 0x10
        with pytest.raises(ReplayError):
            unpack_episode(bytes(altered), SPEC)


def test_every_cut_is_found() -> None:
    data = pack_episode(make_episode(0, length=2), SPEC)
    for end in range(len(data)):
        with pytest.raises(ReplayError):
            unpack_episode(data[:end], SPEC)


def test_parts_and_mixtures_are_no_episode() -> None:
    one, other = make_episode(1), make_episode(2)
    for mixture, message in (
        ([], "at least one step"),
        (one + other, r"one episode .* \[1, 2\]"),
        (one[:-1], "does not end its episode"),
        (one + one[-1:], "ends its episode too early"),
    ):
        with pytest.raises(ReplayError, match=message):
            pack_episode(mixture, SPEC)


def test_frames_before_a_damaged_one_are_given_out() -> None:
    data = pack_frame(b"one") + pack_frame(b"two") + pack_frame(b"three")[:-1]
    found = list(frames_of(data))
    assert [f.payload for f in found if isinstance(f, Frame)] == [b"one", b"two"]
    assert found[-1] == len(pack_frame(b"one")) * 2
