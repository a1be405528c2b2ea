"""`equigrasp calibrate`, in simulation, against the simulation's truth."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.hand_eye_command import run_hand_eye
from equigrasp.calibration.hand_eye_poses import HandEyePoses
from equigrasp.calibration.setup import CalibrationSetup
from equigrasp.calibration.simulated.simulated_calibration import simulated_setup
from equigrasp.calibration.table_command import run_table
from equigrasp.calibration.workspace_command import run_workspace
from equigrasp.cli.main import main
from equigrasp.config import from_mapping, read_yaml
from equigrasp.devices.calibration import Calibration, CameraCalibration, save_calibration
from equigrasp.errors import CalibrationError
from equigrasp.geometry.transform import Transform


def read(path: Path) -> Calibration:
    """Return what was written."""
    return from_mapping(Calibration, read_yaml(path), str(path))


def test_the_arm_goes_round_its_poses_and_finds_the_camera(tmp_path: Path) -> None:
    """Physics, planner, renderer and solver together; coarsely rendered, to be quick."""
    lines: list[str] = []
    path = tmp_path / "ur5.yaml"
    with simulated_setup("ur5", "hand-eye", path, seed=3, supersampling=1) as setup:
        start = setup.cell.arm.joint_state().positions
        result = run_hand_eye(
            setup, BoardConfig(), count=9, is_guided=False, is_dry_run=False,
            say=lines.append, ask=input,
        )  # fmt: skip
        assert np.abs(setup.cell.arm.joint_state().positions - start).max() < 0.02
        true = setup.true_t_base_camera
    assert result is not None and true is not None
    found = read(path).camera
    assert found is not None
    assert np.linalg.norm(found.t_base_camera.position - true.position) < 0.003
    assert np.rad2deg((true.rotation.inv() * found.t_base_camera.rotation).magnitude()) < 0.2
    assert found.num_poses + len(found.dropped) == 9
    assert found.serial == "simulated"
    assert (tmp_path / "ur5_hand_eye.png").stat().st_size > 10_000
    assert any(line.startswith("error against truth:") for line in lines)


def test_a_dry_run_moves_nothing_and_writes_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    path = tmp_path / "ur5.yaml"
    with simulated_setup("ur5", "hand-eye", path, seed=0, supersampling=1) as setup:
        start = setup.cell.arm.joint_state().positions
        result = run_hand_eye(
            setup, BoardConfig(), count=9, is_guided=False, is_dry_run=True,
            say=lines.append, ask=input,
        )  # fmt: skip
        assert np.abs(setup.cell.arm.joint_state().positions - start).max() < 1e-3
    assert result is None
    assert sum(line.startswith("to TCP") for line in lines) == 8
    assert not path.exists()


class Person:
    """Answers prompts; `moves` is called before each answer."""

    def __init__(self, answers: list[str], moves: Iterator[None]) -> None:
        self._answers = iter(answers)
        self._moves = moves
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        next(self._moves, None)
        return next(self._answers)


def test_guided_poses_are_taken_undone_and_refused_where_the_board_is_not_seen(
    tmp_path: Path,
) -> None:
    from equigrasp.calibration.detection import BoardDetector

    lines: list[str] = []
    with simulated_setup("ur5", "hand-eye", tmp_path / "a.yaml", 0, supersampling=1) as setup:
        poses = HandEyePoses(setup, BoardDetector(BoardConfig()), lines.append)

        def moves() -> Iterator[None]:
            yield
            yield
            yield
            setup.cell.arm.teleport(np.array(setup.cell.arm_config.home_positions))  # type: ignore[attr-defined]
            yield

        poses.guided(Person(["", "", "u", "", "d"], moves()))
    assert len(poses.samples) == len(poses.pictures) == 1
    assert "not taken: The board is not seen" in lines[-1]


def write_camera(setup: CalibrationSetup, pose: Transform) -> None:
    """Write a calibration whose camera is at a pose."""
    x, y, z = (float(v) for v in pose.position)
    qx, qy, qz, qw = (float(v) for v in pose.quat_xyzw)
    camera = CameraCalibration(
        "overhead", (x, y, z), (qx, qy, qz, qw), "2026-01-02", "good", 25, 0.1, 0.1, 0.1, 0.1,
        0.1, 0.01, 1.0, "7 x 5",
    )  # fmt: skip
    save_calibration(setup.path, dataclasses.replace(setup.calibration, camera=camera))


@pytest.mark.slow
def test_the_table_corrects_a_camera_that_is_a_little_off(tmp_path: Path) -> None:
    path = tmp_path / "ur5.yaml"
    with simulated_setup("ur5", "table", path, seed=0) as setup:
        true = setup.true_t_base_camera
        assert true is not None
        turn = Rotation.from_euler("xy", [0.5, -0.4], degrees=True)
        lifted = Transform([0.0, 0.0, 0.004], turn.as_quat()) * true  # type: ignore[arg-type]
        write_camera(setup, lifted)
        assert run_table(setup, apply="camera", say=lambda _: None).verdict == "correctable"
        assert run_table(setup, apply="nothing", say=lambda _: None).verdict == "good"
    found = read(path).camera
    assert found is not None
    assert found.correction.startswith("table, ")
    # Level again: the camera's axes turn back, but for the turn about the vertical.
    down = found.t_base_camera.rotation.apply([0.0, 0.0, 1.0])
    assert np.rad2deg(np.arccos(down @ true.rotation.apply([0.0, 0.0, 1.0]))) < 0.1
    assert (tmp_path / "ur5_table.png").is_file()


def test_a_camera_far_off_is_sent_to_hand_eye(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "ur5.yaml"
    options = ["calibrate", "table", "--simulated", "--seed", "1", "--out", str(out)]
    assert main([*options, "--apply", "camera"]) == 1
    output = capsys.readouterr()
    assert "verdict: bad" in output.out
    assert "nothing was written" in output.err
    assert "hand-eye" in output.err
    assert not out.exists()


def test_the_trays_are_seen_where_they_are(tmp_path: Path) -> None:
    path, lines = tmp_path / "ur5.yaml", list[str]()
    with simulated_setup("ur5", "workspace", path, seed=2) as setup:
        assert setup.true_t_base_camera is not None
        write_camera(setup, setup.true_t_base_camera)
        run_workspace(setup, by="see", inset=0.0, say=lines.append, ask=input)
    errors = re.findall(r"truth: \w+ ([\d.]+) mm sideways, ([+-][\d.]+) mm", "\n".join(lines))
    assert len(errors) == 2
    assert max(float(e) for pair in errors for e in pair) < 1.5
    assert {w.source for w in read(path).workspaces} == {"seen"}


def test_corners_that_a_person_touches_place_the_tray(tmp_path: Path) -> None:
    """The arm is put at the corners of the true trays, as freedrive would."""
    path = tmp_path / "ur5.yaml"
    with simulated_setup("ur5", "workspace", path, seed=1) as setup:
        setup.cell.gripper.teleport(0.0)  # type: ignore[attr-defined]
        half = 0.15 - 0.04
        corners = [
            (w.center_x + i * half, w.center_y + j * half, w.floor_z + 0.01)
            for w in setup.true_workspaces
            for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]

        def moves() -> Iterator[None]:
            seed = np.array(setup.cell.arm_config.home_positions)
            for x, y, z in corners:
                seed = setup.planner.kinematics.solutions(  # type: ignore[attr-defined]
                    Transform.top_down(x, y, z, 0.0), seed
                )[0]
                setup.cell.arm.teleport(seed)  # type: ignore[attr-defined]
                yield

        fits = run_workspace(
            setup, by="touch", inset=0.04, say=lambda _: None, ask=Person([""] * 8, moves())
        )
        for true in setup.true_workspaces:
            x, y = fits[true.name].center
            assert np.hypot(x - true.center_x, y - true.center_y) < 0.001
            assert abs(fits[true.name].yaw_deg) < 0.1
    assert {w.source for w in read(path).workspaces} == {"touched"}


def test_nothing_is_written_when_the_data_are_unfit(tmp_path: Path) -> None:
    path = tmp_path / "ur5.yaml"
    with simulated_setup("ur5", "hand-eye", path, seed=0, supersampling=1) as setup:
        with pytest.raises(CalibrationError, match="2 poses with the board in view"):
            run_hand_eye(
                setup, BoardConfig(), count=9, is_guided=True, is_dry_run=False,
                say=lambda _: None, ask=Person(["", "", "d"], iter(())),
            )  # fmt: skip
    assert not path.exists()


def test_a_simulated_arm_cannot_be_moved_by_hand(capsys: pytest.CaptureFixture) -> None:
    assert main(["calibrate", "workspace", "--simulated", "--by", "touch"]) == 2
    assert "--by see" in capsys.readouterr().err


def test_the_board_is_written_and_help_names_the_order(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "board.pdf"
    assert main(["calibrate", "board", "--square", "30", "--marker", "22", "--out", str(out)]) == 0
    assert "210.0 x 150.0 mm" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["calibrate", "--help"])
    text = capsys.readouterr().out
    steps = [
        text.index(f"calibrate {step}") for step in ("board", "hand-eye", "table", "workspace")
    ]
    assert steps == sorted(steps)
