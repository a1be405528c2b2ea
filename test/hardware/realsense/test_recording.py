"""What was recorded is replayed: the same images, in the same order."""

from pathlib import Path

import numpy as np
import pytest
from realsense_rig import MakeRig, PaintedCamera, camera_config, require_librealsense, wait_until

from equigrasp.devices.camera import CameraFrame
from equigrasp.errors import DeviceError, NotConnectedError
from equigrasp.hardware.realsense.camera import RealSenseCamera
from equigrasp.hardware.realsense.config import RealSenseConfig
from equigrasp.hardware.realsense.make import make_source


class Counting(PaintedCamera):
    """Each picture says in a corner how many came before it."""

    num_looks = 0

    def capture(self) -> CameraFrame:
        self.num_looks += 1
        frame = super().capture()
        depth, color = frame.depth.copy(), frame.color.copy()
        depth[0, 0] = 0.001 * (1000 + self.num_looks)
        color[0, 0] = self.num_looks % 256
        return CameraFrame(frame.stamp, depth, color)


def _number(frame: CameraFrame) -> int:
    return round(float(frame.depth[0, 0]) * 1000.0) - 1000


@pytest.fixture
def recording(make_rig: MakeRig, tmp_path: Path) -> tuple[Path, list[CameraFrame]]:
    """A recording, and frames that were captured while it was made."""
    path = tmp_path / "cell.db3"
    rig = make_rig(scene=Counting(), record_to=str(path))
    rig.camera.connect()
    frames = [rig.camera.capture() for _ in range(8)]
    rig.camera.disconnect()
    return path, frames


def _player(path: Path, **options: object) -> RealSenseCamera:
    return RealSenseCamera(camera_config(), RealSenseConfig(source=f"bag:{path}", **options))


def test_the_same_frames_come_out(recording: tuple[Path, list[CameraFrame]]) -> None:
    path, captured = recording
    replayed: dict[int, CameraFrame] = {}
    with _player(path, replay_in_real_time=False, replay_in_a_loop=False) as player:
        assert player.model.fx_px == pytest.approx(60.0)
        with pytest.raises(
            NotConnectedError, match=r"virtual\) in '.*cell.db3', is lost: .* is over"
        ):
            for _ in range(1000):
                frame = player.capture()
                replayed[_number(frame)] = frame
    numbers = list(replayed)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))  # none is missing
    assert {_number(f) for f in captured} <= set(numbers)
    for frame in captured:
        again = replayed[_number(frame)]
        assert (again.depth == frame.depth).all() and (again.color == frame.color).all()


def test_no_frame_passes_by_before_all_sensors_listen(
    recording: tuple[Path, list[CameraFrame]],
) -> None:
    source = make_source(RealSenseConfig(source=f"bag:{recording[0]}", replay_in_real_time=False))
    opened = source.open()
    opened.pipeline.start(opened.config)
    try:
        assert not opened.pipeline.try_wait_for_frames(300)[0]
        source.begin()
        frames = opened.pipeline.wait_for_frames(2000)
        assert frames.get_depth_frame().get_frame_number() == 1
    finally:
        opened.pipeline.stop()
        source.close()


def test_a_replayed_frame_waits_until_it_is_asked_for(
    recording: tuple[Path, list[CameraFrame]],
) -> None:
    with _player(recording[0], replay_in_real_time=False, median_frames=2) as player:
        first = player.capture()
        second = player.capture()
    step = np.float32(0.002)  # two frames a look
    assert second.depth[0, 0] - first.depth[0, 0] == pytest.approx(step, abs=1e-6)


def test_a_loop_begins_again(recording: tuple[Path, list[CameraFrame]]) -> None:
    seen: list[int] = []
    with _player(recording[0]) as player:

        def is_again() -> bool:
            seen.append(_number(player.capture()))
            return len(seen) > 1 and seen[-1] < seen[-2]

        wait_until(is_again, "the beginning")
        player.capture()


def test_frames_of_a_replay_are_fresh(recording: tuple[Path, list[CameraFrame]]) -> None:
    with _player(recording[0]) as player:
        stamps = [player.capture().stamp for _ in range(5)]
    assert stamps[0] > recording[1][-1].stamp and (np.diff(stamps) > 0).all()


def test_a_lost_camera_is_recorded_into_a_second_file(make_rig: MakeRig, tmp_path: Path) -> None:
    rig = make_rig(record_to=str(tmp_path / "cell.db3"))
    rig.camera.connect()
    _look(rig.camera)
    rig.server.unplug()
    wait_until(lambda: not _sees(rig.camera), "the loss")
    rig.server.plug()
    wait_until(lambda: _sees(rig.camera), "the camera")
    _look(rig.camera)
    rig.camera.disconnect()
    for name in ("cell.db3", "cell_2.db3"):
        with _player(tmp_path / name) as player:
            assert np.abs(player.capture().depth - rig.scene.depth).max() < 1e-6


def test_a_recording_is_never_written_over(
    make_rig: MakeRig, recording: tuple[Path, list[CameraFrame]]
) -> None:
    path, _ = recording
    before = path.read_bytes()
    rig = make_rig(record_to=str(path))
    rig.camera.connect()
    _look(rig.camera)
    rig.camera.disconnect()
    assert path.read_bytes() == before
    assert path.with_stem("cell_2").is_file()


def test_a_recording_of_another_camera_is_refused(
    recording: tuple[Path, list[CameraFrame]],
) -> None:
    with pytest.raises(DeviceError, match="No RealSense with serial number 838212. Connected: "):
        _player(recording[0], serial="838212").connect()


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    require_librealsense()
    with pytest.raises(DeviceError, match="There is no recording '.*nothing.bag'"):
        _player(tmp_path / "nothing.bag").connect()
    for name in ("junk.bag", "junk.db3"):
        (tmp_path / name).write_bytes(b"junk" * 100)
        with pytest.raises(DeviceError, match=f"{name}' is not a recording of librealsense"):
            _player(tmp_path / name).connect()


def _look(camera: RealSenseCamera) -> None:
    for _ in range(5):
        camera.capture()


def _sees(camera: RealSenseCamera) -> bool:
    try:
        camera.capture()
    except DeviceError:
        return False
    return True
