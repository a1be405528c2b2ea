"""Frames survive the wire, and what is no frame is told."""

import dataclasses
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.realsense.wire import (
    FrameReader,
    RawFrame,
    StreamInfo,
    pack_frame,
    pack_info,
)
from equigrasp.perception.camera_model import CameraModel

DEPTH = CameraModel(6, 4, 5.0, 5.5, 2.5, 1.5)
COLOR = CameraModel(8, 5, 7.0, 7.5, 3.5, 2.0)
INFO = StreamInfo("123", DEPTH, COLOR, 30, 0.0001, "D435", "2.1", translation=(0.015, 0.0, 0.0))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's and the driver's end of a connection."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def _frame(number: int) -> RawFrame:
    rng = np.random.default_rng(number)
    depth = rng.integers(0, 65536, (4, 6), dtype=np.uint16)
    color = rng.integers(0, 256, (5, 8, 3), dtype=np.uint8)
    return RawFrame(number, 1.7e9 + number / 30.0, depth, color)


def test_greeting_and_frames_arrive_as_they_were(ends: tuple) -> None:
    ends[0].sendall(pack_info(INFO) + pack_frame(_frame(1)) + pack_frame(_frame(2**40)))
    reader = FrameReader(ends[1], 1.0)
    assert reader.info == INFO
    for number in (1, 2**40):
        sent, got = _frame(number), reader.read()
        assert got is not None
        assert (got.number, got.stamp) == (number, sent.stamp)
        assert (got.depth == sent.depth).all() and (got.color == sent.color).all()


def test_a_frame_in_small_pieces_arrives_whole(ends: tuple) -> None:
    data = pack_info(INFO) + pack_frame(_frame(1))

    def dribble() -> None:
        for i in range(0, len(data), 37):
            ends[0].sendall(data[i : i + 37])

    threading.Thread(target=dribble, daemon=True).start()
    reader = FrameReader(ends[1], 2.0)
    got = None
    while got is None:
        got = reader.read()
    assert (got.color == _frame(1).color).all()


def test_silence_between_frames_is_no_error(ends: tuple) -> None:
    ends[0].sendall(pack_info(INFO))
    assert FrameReader(ends[1], 0.1).read() is None


def test_half_a_frame_is_an_error(ends: tuple) -> None:
    ends[0].sendall(pack_info(INFO) + pack_frame(_frame(1))[:50])
    reader = FrameReader(ends[1], 0.15)
    with pytest.raises(DeviceTimeoutError, match=r"sent \d+ of \d+ bytes within 0.15 s"):
        reader.read()


@pytest.mark.parametrize("count", [0, 30])
def test_a_closed_connection_is_an_error(ends: tuple, count: int) -> None:
    ends[0].sendall(pack_info(INFO) + pack_frame(_frame(1))[:count])
    reader = FrameReader(ends[1], 0.5)
    ends[0].close()
    with pytest.raises(DeviceError, match="the server closed the connection"):
        reader.read()


@pytest.mark.parametrize(
    ("greeting", "message"),
    [
        (b"SSH-2.0-OpenSSH_9", "greets with b'SSH-'"),
        (b"EGRS\x07\x00\x02\x00\x00\x00{}", "version 7"),
        (b"EGRS\x01\x00\x02\x00\x00\x00[]", "makes no sense"),
        (b"EGRS\x01\x00\x02\x00\x00\x00{}", "missing"),
    ],
)
def test_another_program_s_greeting_is_refused(ends: tuple, greeting: bytes, message: str) -> None:
    ends[0].sendall(greeting)
    with pytest.raises(DeviceError, match=message):
        FrameReader(ends[1], 0.5)


def test_what_is_not_a_frame_is_refused(ends: tuple) -> None:
    ends[0].sendall(pack_info(INFO) + b"x" * 64)
    with pytest.raises(DeviceError, match="begins with b'xxxx'"):
        FrameReader(ends[1], 0.5).read()


def test_a_greeting_with_an_impossible_size_is_refused(ends: tuple) -> None:
    text = pack_info(dataclasses.replace(INFO)).replace(b'"width_px": 6', b'"width_px": 0')
    ends[0].sendall(text)
    with pytest.raises(DeviceError, match="must be positive"):
        FrameReader(ends[1], 0.5)
