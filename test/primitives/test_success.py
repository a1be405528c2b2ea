"""How success is told: by the fingers, by the gripper's word, by pictures of the tray."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from equigrasp.config import load_config
from equigrasp.devices.camera import CameraFrame
from equigrasp.devices.cell import CameraConfig, RobotCell
from equigrasp.devices.fakes import FakeCamera
from equigrasp.devices.gripper import GripperState
from equigrasp.errors import CommandRejectedError, ConfigError, DeviceError, PerceptionError
from equigrasp.perception.camera_model import CameraModel
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.pick import PickPrimitive
from equigrasp.primitives.success import lost_volume, make_detector

Bench = Any  # test/primitives/conftest.py

_BOX = (0.05, 0.04, 0.06)  # [m] 120 cm³


class TrayCamera(FakeCamera):
    """Sees boxes of one size that lie upright, at the given places (x, y) [m]."""

    def __init__(self, clock: Any, places: list[tuple[float, float]]) -> None:
        super().__init__(clock)
        self.places = places
        self._model = load_config(CameraConfig, "cameras", "overhead").model
        self.connect()

    @property
    def model(self) -> CameraModel:
        return self._model

    def capture(self) -> CameraFrame:
        frame = super().capture()
        depth = np.full((self.model.height_px, self.model.width_px), self._floor_depth)
        top = self._floor_depth - _BOX[2]
        points = self.T_base_camera.apply(self.model.deproject(np.full_like(depth, top)))
        for x, y in self.places:
            is_box = (np.abs(points[:, :2] - [x, y]) < np.array(_BOX[:2]) / 2.0).all(axis=1)
            depth.ravel()[is_box] = top
        return dataclasses.replace(frame, depth=depth.astype(np.float32))


def _with(cell: RobotCell, detection: str, camera: Any = None) -> RobotCell:
    config = dataclasses.replace(cell.config, success_detection=detection)
    return dataclasses.replace(cell.with_camera(camera or cell.camera), config=config)


@pytest.fixture
def seen(bench: Bench) -> tuple[PickPrimitive, TrayCamera]:
    """The bench's primitive, which goes by pictures, and its camera; two boxes are in the tray."""
    x, y = bench.grasp.x, bench.grasp.y
    camera = TrayCamera(bench.cell.clock, [(x, y), (x - 0.1, y + 0.05)])
    cell = _with(bench.cell, "image_difference", camera)
    return PickPrimitive(cell, bench.planner), camera


def _fingers(width: float, is_stalled: bool) -> GripperState:
    return GripperState(0.0, width, 0.0, is_stalled)


def test_width_and_bits_are_asked_as_configured(bench: Bench) -> None:
    thin, closed = _fingers(0.002, True), _fingers(0.004, False)
    width = make_detector(_with(bench.cell, "finger_width"))
    bits = make_detector(_with(bench.cell, "object_bits"))
    assert [width.is_success(f) for f in (thin, closed)] == [False, True]
    assert [bits.is_success(f) for f in (thin, closed)] == [True, False]


def test_an_unknown_detector_is_refused_and_the_known_ones_are_told(bench: Bench) -> None:
    with pytest.raises(
        ConfigError, match="'luck'. Known success_detections: finger_width, image_diff.*, object_b"
    ):
        make_detector(_with(bench.cell, "luck"))


def test_pictures_need_a_camera(bench: Bench) -> None:
    cell = dataclasses.replace(_with(bench.cell, "image_difference"), cameras={})
    with pytest.raises(ConfigError, match="needs a camera"):
        make_detector(cell)


def test_volume_is_area_times_height() -> None:
    before, after = np.zeros((2, 64, 64), np.float32)
    before[10:30, 10:20] = 0.05  # the median rounds the four corners off
    lost = lost_volume(before, after, 0.003)
    assert lost == pytest.approx((20 * 10 - 4) * 0.003**2 * 0.05, rel=1e-6)
    assert lost_volume(after, before, 0.003) == pytest.approx(-lost)


def test_volume_is_not_lost_by_a_shift_by_noise_or_by_single_cells(
    rng: np.random.Generator,
) -> None:
    before, after = np.zeros((2, 64, 64), np.float32)
    before[10:30, 10:20] = after[25:45, 31:41] = 0.05
    before += np.abs(rng.normal(0.0, 0.001, before.shape)).astype(np.float32)
    before[3::5, 3::7] += 0.2
    assert abs(lost_volume(before, after, 0.003)) < 3e-6  # a box has 90e-6


def test_an_object_that_is_gone_is_a_success_though_the_fingers_feel_nothing(
    bench: Bench, seen: tuple[PickPrimitive, TrayCamera]
) -> None:
    primitive, camera = seen
    bench.gripper.object_width = 0.0

    def on_phase(phase: Phase) -> None:
        if phase is Phase.LIFT:
            camera.places.pop(0)

    outcome = primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=on_phase)
    assert outcome.is_success and not outcome.is_object_held
    volume = _BOX[0] * _BOX[1] * _BOX[2]  # the camera sees some of a side as well
    assert volume < primitive.detector.lost_volume < 1.6 * volume
    assert bench.gripper.state().width == pytest.approx(bench.gripper.limits.stroke)


@pytest.mark.parametrize("shift", [0.0, 0.04])
def test_an_object_that_stays_or_falls_back_is_none_though_the_fingers_felt_it(
    bench: Bench, seen: tuple[PickPrimitive, TrayCamera], shift: float
) -> None:
    primitive, camera = seen

    def on_phase(phase: Phase) -> None:
        if phase is Phase.LIFT:
            x, y = camera.places[0]
            camera.places[0] = (x + shift, y - shift)

    outcome = primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=on_phase)
    assert not outcome.is_success and outcome.finger_width == pytest.approx(0.03)
    assert bench.gripper.state().width == pytest.approx(bench.gripper.limits.stroke)


def test_a_camera_that_is_silent_before_moves_nothing(
    bench: Bench, seen: tuple[PickPrimitive, TrayCamera]
) -> None:
    primitive, camera = seen
    camera.is_silent = True
    with pytest.raises(DeviceError, match="camera gave no frame"):
        primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert bench.num_commands == 0


def test_a_camera_that_falls_silent_tells_no_success_and_the_object_is_put_down(
    bench: Bench, seen: tuple[PickPrimitive, TrayCamera]
) -> None:
    primitive, camera = seen

    def on_phase(phase: Phase) -> None:
        camera.is_silent = phase is not Phase.PLANNING

    with pytest.raises(DeviceError, match="camera gave no frame"):
        primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=on_phase)
    assert bench.gripper.state().width == pytest.approx(bench.gripper.limits.stroke)
    assert not bench.arm.motion_status().is_active


def test_a_hidden_tray_or_no_place_is_refused_and_nothing_moves(
    bench: Bench, seen: tuple[PickPrimitive, TrayCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    primitive, _ = seen
    with pytest.raises(CommandRejectedError, match="image_difference.*needs a place"):
        primitive.execute(bench.grasp, bench.workspace, None)
    monkeypatch.setattr(type(bench.planner), "is_in_view", lambda *_: False)
    with pytest.raises(PerceptionError, match="hides workspace 'left'"):
        primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert bench.num_commands == 0


def test_pictures_cost_no_time_of_the_arm(
    bench: Bench, seen: tuple[PickPrimitive, TrayCamera]
) -> None:
    outcome = seen[0].execute(bench.grasp, bench.workspace, bench.place)
    assert outcome.duration < 6.5 and outcome.idle_time < 0.05 * outcome.duration
