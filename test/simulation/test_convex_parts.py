"""Convex decomposition: bounded, in a process of its own, and refused where there is no volume."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from equigrasp.errors import ConfigError
from equigrasp.simulation.object_sets import convex_parts
from equigrasp.simulation.object_sets.convex_parts import check_extents, decompose

MESH = Path("mug.stl")


@pytest.mark.parametrize(
    "extents", [(0.05, 0.05, 0.0), (0.05, 0.0, 0.0), (0.05, 0.05, 1e-5), (0.05, np.nan, 0.05)]
)
def test_what_has_no_volume_is_refused(extents: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"'mug.stl' is .* mm, too thin"):
        check_extents(MESH, np.array(extents))


def test_a_card_is_thick_enough() -> None:
    check_extents(MESH, np.array([0.08, 0.05, 0.001]))


def test_a_decomposition_without_end_is_ended(tmp_path: Path) -> None:
    mesh, result = tmp_path / "a.obj", tmp_path / "b.obj"
    mesh.write_text("v 0 0 0\n")
    with pytest.raises(ConfigError, match="'mug.stl' could not be divided .* within 0 s"):
        decompose(MESH, mesh, result, timeout=1e-3)
    assert not result.exists()


@pytest.mark.parametrize("code", [0, -11])
def test_a_decomposition_that_fails_leaves_nothing(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], code)
    monkeypatch.setattr(convex_parts.subprocess, "run", lambda *a, **o: done)
    with pytest.raises(ConfigError, match=f"ended with code {code}"):
        decompose(MESH, tmp_path / "a.obj", tmp_path / "b.obj")


def test_a_box_is_divided(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("pybullet")
    trimesh.creation.box((0.05, 0.04, 0.03)).export(tmp_path / "a.obj")
    decompose(MESH, tmp_path / "a.obj", tmp_path / "b.obj")
    parts = trimesh.load(tmp_path / "b.obj", force="mesh")
    assert np.allclose(np.sort(parts.extents), (0.03, 0.04, 0.05), atol=2e-3)
