"""Files and arguments that nobody expected."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import trimesh

from equigrasp.calibration.board import BoardConfig
from equigrasp.calibration.detection import BoardDetector
from equigrasp.config import find_config, read_yaml, to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.runs.repair import repair_run
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.announced_weights import load_announced
from equigrasp.learning.grasping.grasp_step import grasp_step
from equigrasp.learning.weight_store import WeightStore
from equigrasp.methods.registry import load_method
from equigrasp.ros.bringup.launch_parts import resolve
from equigrasp.simulation.object_sets.mesh_files import read_mesh_folder
from equigrasp.simulation.object_sets.registry import check_object_set, make_object_set, with_unit
from field_cases.case import ROOT, Case, command, process, refused

_BOMB = "a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0]\n" + "\n".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def _yaml(content: str | bytes, words: str) -> Callable[[Path], str]:
    def run(folder: Path) -> str:
        path = folder / "file.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return refused(lambda: read_yaml(path), "file.yaml", words)

    return run


def _limit_of_nan(folder: Path) -> str:
    lines = find_config("safety", "ur5").read_text(encoding="utf-8").splitlines()
    lines = ["link_height: .nan" if line.startswith("link_height:") else line for line in lines]
    path = folder / "safety.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return refused(lambda: read_yaml(path), "finite")


def _box(path: Path, *sides: float) -> None:
    content = trimesh.creation.box(sides).export(file_type=path.suffix.lower().lstrip("."))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _odd_meshes(folder: Path) -> str:
    for name in ("PART1.STL", "Part.Obj", "schlüssel 1.stl"):
        _box(folder / name, 0.04, 0.05, 0.06)
    (folder / "folder.obj").mkdir()
    os.mkfifo(folder / "pipe.stl")
    (folder / "circle.obj").symlink_to(folder / "circle.obj")
    (folder / "flat.obj").write_text("v 0 0 0\nv .05 0 0\nv 0 .05 0\nf 1 2 3\n", encoding="utf-8")
    (folder / "nan.obj").write_text("v nan 0 0\nv 0 0 0\nv 1 0 0\nf 1 2 3\n", encoding="utf-8")
    found = read_mesh_folder(folder)
    assert len(found.meshes) == 3 and len(found.left_out) == 5, found
    return f"3 taken, 5 left out: {found.left_out['flat.obj']}, {found.left_out['pipe.stl']}, …"


def _millimetres(folder: Path) -> str:
    _box(folder / "part.stl", 40.0, 50.0, 60.0)
    told = make_object_set(with_unit(str(folder), "mm")).names("all")
    guessed = make_object_set(str(folder)).names("all")
    assert list(told) == list(guessed) == ["part"]
    return "taken in mm, told or guessed"


def _unknown_objects(folder: Path) -> str:
    return refused(lambda: check_object_set("nonsense"), "Unknown object set 'nonsense'")


def _run(folder: Path) -> RunFolder:
    """Return a run of 22 attempts, two of them with an SGD step."""
    package, method = load_method("asr:tiny")
    run = RunFolder(folder / "run")
    run.begin(resolve("sim", {"method": "asr:tiny", "weights": "none"}), to_mapping(method), None)
    workspace = load_cell("ur5").workspaces[0]
    trainer = package.make_trainer(method, run.path, 0, workspace, weights=None)
    size, rng = workspace.heightmap_size_px, np.random.default_rng(0)
    for number in range(22):
        heightmap = rng.integers(0, 999, (size, size)).astype(np.uint16)
        trainer.add(grasp_step(heightmap, size // 2, size // 2, 1, float(number % 2), number), {})
    trainer.train_pending(99)
    trainer.publish()
    trainer.close()
    return run


def _empty_config(folder: Path) -> str:
    run = _run(folder)
    run.config.write_text("", encoding="utf-8")
    return refused(run.read_config, "equigrasp repair")


def _torn_log(folder: Path) -> str:
    run = _run(folder)
    run.log.write_bytes(run.log.read_bytes()[: run.log.stat().st_size // 2])
    package, method = load_method("asr:tiny")
    workspace = load_cell("ur5").workspaces[0]
    told = refused(
        lambda: package.make_trainer(method, run.path, 0, workspace, weights=None),
        "equigrasp repair",
    )
    repair_run(run.path)
    trainer = package.make_trainer(method, run.path, 0, workspace, weights=None)
    assert trainer.num_attempts == 11, trainer.num_attempts
    trainer.close()
    return f"{told[:60]} … after repair 11 of 22 are there"


def _sparse_weights(folder: Path) -> str:
    file = WeightStore(folder / "weights").save(5, {"net.weight": torch.ones(2)}, {})
    os.truncate(file.path, 6 * 10**9)
    return refused(
        lambda: load_announced(folder / "weights", str(file.path), file.sha256, 5, 4, 8),
        "has 6000000000 bytes",
    )


def _foreign_temporary_folder(folder: Path) -> str:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (folder / f"equigrasp_{os.getuid()}").symlink_to(elsewhere)  # laid there by somebody else
    code = "from equigrasp.private_folder import temporary_folder as f; p = f('x'); p.mkdir(exist_ok=True)"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; print(p.resolve(), oct(p.stat().st_mode))"],
        env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not any(elsewhere.iterdir()), "files lie in the foreign folder"
    assert str(elsewhere) not in ended.stdout and "0o40700" in ended.stdout, ended.stdout
    return "left alone; a folder of this process, of mode 0700, is used"


def _legacy_boards(folder: Path) -> str:
    for squares in ((8, 6), (7, 5)):
        board = BoardConfig(*squares)
        for is_legacy in (True, False):
            view = BoardDetector(board).detect(board.draw(60, 60, is_legacy=is_legacy))
            assert len(view.ids) == (squares[0] - 1) * (squares[1] - 1)
    return "both patterns are found"


def _long_out(folder: Path) -> str:
    return command("train", *_TRAIN, "--out", str(folder / ("x" * 300)), told="Nothing can be")


_TRAIN = ("--method", "asr:tiny", "--attempts", "1")
CASES = [
    Case("YAML with a key twice", "the last one held", _yaml("a: 1\na: 2", "stands twice")),
    Case("YAML in latin-1", "UnicodeDecodeError", _yaml("# größe\na: 1".encode("latin-1"), "not UTF-8")),
    Case("YAML .nan", "a limit of NaN holds nothing", _yaml("a: .nan", "not a finite number")),
    Case("safety limits with .nan", "no height is too low", _limit_of_nan),
    Case("YAML aliases by the million", "memory filled up", _yaml(_BOMB, "more than 100000")),
    Case("YAML of 5000 brackets", "RecursionError", _yaml("a: " + "[" * 5000, "nested deeper")),
    Case("mesh folder: odd names, no meshes", "left out in silence, or the end", _odd_meshes),
    Case("meshes in millimetres", "objects of 50 m", _millimetres),
    Case("objects:=nonsense", "found out by sim_bridge, restarted", _unknown_objects),
    Case("empty config.yaml", "TypeError", _empty_config),
    Case("log cut in the middle", "does not resume, no remedy", _torn_log),
    Case("weights file of 6 GB, sparse", "read into memory", _sparse_weights),
    Case("foreign folder in TMPDIR", "written into as one's own", _foreign_temporary_folder),
    Case("ChArUco board before OpenCV 4.6", "not found", _legacy_boards),
    Case("train --seed -1", "numpy raises",
         lambda _: command("train", *_TRAIN, "--seed", "-1", told="seed must be")),
    Case("train --attempts 10^20", "taken",
         lambda _: command("train", "--attempts", "1" + "0" * 20, told="--attempts")),
    Case("train --out of 300 letters", "OSError", _long_out),
    Case("PYTHONPATH of another Python", "ImportError out of numpy", lambda f: _foreign_numpy(f)),
    Case("ROS_DOMAIN_ID=300", "rclpy ends the process",
         lambda f: process("up", "sim", "--out", str(f / "r"), code=2, told="ROS_DOMAIN_ID '300'",
                           ROS_DOMAIN_ID="300")),
    Case("RMW_IMPLEMENTATION=nonsense", "rclpy ends the process",
         lambda f: process("up", "sim", "--out", str(f / "r"), code=2, told="middleware 'nonsense'",
                           RMW_IMPLEMENTATION="nonsense")),
    Case("a home that takes nothing", "rcl cannot log, and does not start",
         lambda _: process("doctor", code=0, told="ok   ROS starts", HOME="/proc", ROS_LOG_DIR="")),
    Case("virtual ur5 --host 0.0.0.0", "whoever reaches it commands the cell",
         lambda _: command("virtual", "ur5", "--host", "0.0.0.0", told="of this machine alone")),
]  # fmt: skip


def _foreign_numpy(folder: Path) -> str:
    (folder / "numpy").mkdir()
    (folder / "numpy" / "__init__.py").write_text("raise ImportError('of 3.8')", encoding="utf-8")
    return process("report", "x", code=1, told="unset PYTHONPATH", PYTHONPATH=str(folder))
