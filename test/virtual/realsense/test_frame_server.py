"""The frame server keeps its rate, its numbers and its faults; read as a driver reads it."""

import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.devices.camera import CameraFrame
from equigrasp.devices.clock import WallClock
from equigrasp.devices.fakes import FakeCamera
from equigrasp.errors import DeviceError, DeviceTimeoutError
from equigrasp.hardware.realsense.wire import FrameReader, RawFrame
from equigrasp.virtual.realsense.frame_server import FrameServer, to_counts

RATE = 100.0


class _Camera(FakeCamera):
    """Counts how often it is asked."""

    num_looks = 0

    def capture(self) -> CameraFrame:
        self.num_looks += 1
        return super().capture()


@pytest.fixture
def camera() -> _Camera:
    return _Camera(WallClock())


@pytest.fixture
def server(camera: _Camera) -> Iterator[FrameServer]:
    with FrameServer(camera, rate=RATE) as served:
        yield served


def _listen(server: FrameServer) -> FrameReader:
    return FrameReader(socket.create_connection(("127.0.0.1", server.port), 30.0), 30.0)


def _read(reader: FrameReader, count: int) -> list[RawFrame]:
    frames: list[RawFrame] = []
    deadline = time.monotonic() + 60.0
    while len(frames) < count:
        assert time.monotonic() < deadline, f"{len(frames)} of {count} frames came"
        frame = reader.read()
        frames += [frame] if frame else []
    return frames


def test_it_serves_what_the_camera_sees(server: FrameServer, camera: _Camera) -> None:
    before = time.time()
    reader = _listen(server)
    assert reader.info.depth == reader.info.color == camera.model
    frames = _read(reader, 5)
    assert (frames[0].depth == 1300).all() and frames[0].depth.shape == (48, 64)
    assert np.diff([f.number for f in frames]).tolist() == [1] * 4
    stamps = [f.stamp for f in frames]
    assert before <= stamps[0] and (np.diff(stamps) > 0).all() and stamps[-1] < time.time()
    reader.close()


@pytest.mark.timing
def test_it_keeps_its_rate(server: FrameServer) -> None:
    reader = _listen(server)
    stamps = [f.stamp for f in _read(reader, 30)]
    assert np.median(np.diff(stamps)) == pytest.approx(1.0 / RATE, rel=0.3)
    reader.close()


def test_it_looks_only_while_somebody_listens(server: FrameServer, camera: _Camera) -> None:
    time.sleep(0.05)
    assert camera.num_looks == 0
    reader = _listen(server)
    _read(reader, 2)
    assert camera.num_looks > 0
    reader.close()
    deadline = time.monotonic() + 60.0
    while server._clients:
        assert time.monotonic() < deadline, "the server still serves who has gone"
        time.sleep(0.001)
    before = camera.num_looks
    time.sleep(0.1)
    assert camera.num_looks <= before + 1  # one may have been under way


def test_two_clients_see_the_same(server: FrameServer) -> None:
    first, second = _listen(server), _listen(server)
    seen = {f.number for f in _read(first, 20)} & {f.number for f in _read(second, 20)}
    assert len(seen) > 10
    first.close()
    second.close()


def test_every_third_frame_is_lost_on_demand(server: FrameServer) -> None:
    server.drop_every = 3
    reader = _listen(server)
    assert all(f.number % 3 for f in _read(reader, 12))
    reader.close()


def test_a_frozen_camera_repeats_number_and_time(server: FrameServer) -> None:
    reader = _listen(server)
    _read(reader, 2)
    server.is_frozen = True
    time.sleep(0.05)
    frames = _read(reader, 20)[10:]
    assert len({(f.number, f.stamp) for f in frames}) == 1
    reader.close()


def test_late_frames_keep_their_time(server: FrameServer) -> None:
    server.delay = 0.2
    reader = _listen(server)
    frame = _read(reader, 1)[0]
    assert frame.stamp + 0.19 < time.time()
    reader.close()


def test_a_blind_camera_measures_nothing(server: FrameServer) -> None:
    server.is_blind = True
    reader = _listen(server)
    assert not _read(reader, 1)[0].depth.any()
    reader.close()


def test_it_can_be_unplugged_and_plugged_in_again(server: FrameServer) -> None:
    reader = _listen(server)
    _read(reader, 1)
    server.unplug()
    with pytest.raises(DeviceError, match="closed|failed"):
        _read(reader, 20)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 0.2)
    server.plug()
    again = _listen(server)
    _read(again, 1)
    reader.close()
    again.close()


def test_it_outlives_a_camera_that_fails(server: FrameServer, camera: _Camera) -> None:
    reader = _listen(server)
    _read(reader, 1)
    camera.is_silent = True
    time.sleep(0.05)
    camera.is_silent = False
    _read(reader, 3)
    reader.close()


def test_a_taken_port_is_named(server: FrameServer, camera: _Camera) -> None:
    with pytest.raises(DeviceError, match=f"127.0.0.1:{server.port}"):
        FrameServer(camera, server.port).start()


def test_what_is_no_distance_becomes_zero() -> None:
    depth = np.array([[0.0, np.nan, np.inf, -1.0, 1.3, 0.0004, 0.0006, 65.535, 65.6]])
    assert to_counts(depth, 0.001).tolist() == [[0, 0, 0, 0, 1300, 0, 1, 65535, 0]]


def test_a_server_that_never_greets_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        connection = socket.create_connection(mute.getsockname(), 1.0)
        with pytest.raises(DeviceTimeoutError, match="0 of 10 bytes within 0.2 s"):
            FrameReader(connection, 0.2)
        connection.close()


def test_a_clock_that_is_set_shifts_the_stamps_alone(server: FrameServer) -> None:
    reader = _listen(server)
    for offset in (3600.0, -3600.0, 0.0):
        asked, server.clock_offset = time.time(), offset
        _read(reader, 3)  # that were on their way
        assert asked + offset - 60.0 < _read(reader, 1)[0].stamp <= time.time() + offset
    reader.close()


def _read_until(reader: FrameReader, pattern: list[int]) -> None:
    """Read until the numbers of frames go on like this: some were on their way before an order."""
    numbers = [frame.number for frame in _read(reader, len(pattern) + 1)]
    for _ in range(200):
        if np.diff(numbers[-len(pattern) - 1 :]).tolist() == pattern:
            return
        numbers += [frame.number for frame in _read(reader, 1)]
    raise AssertionError(f"no frames {pattern} apart in {numbers}")


def test_frames_overtake_one_another(server: FrameServer) -> None:
    reader = _listen(server)
    server.is_reordered = True
    _read_until(reader, [-1, 3, -1])
    assert set(np.diff([f.number for f in _read(reader, 21)]).tolist()) == {-1, 3}
    server.is_reordered = False
    _read_until(reader, [1] * 5)
