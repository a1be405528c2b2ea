"""What a seed is used for has a name: two uses never share a stream of random numbers unseen."""

import ast
from pathlib import Path

import pytest
from repository import ROOT

from equigrasp.seeding import SceneStream, Stream, derive_seed

FILES = sorted((ROOT / "equigrasp").rglob("*.py"))


def bare_streams(source: str) -> list[int]:
    """Return the lines on which a number without a name goes into a seed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        parts = node.args if name == "derive_seed" else []
        if name in ("default_rng", "SeedSequence") and isinstance(node.args[0], ast.List):
            parts = node.args[0].elts
        if any(isinstance(part, ast.Constant) for part in parts):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_seed_has_a_bare_number(path: Path) -> None:
    assert not bare_streams(path.read_text(encoding="utf-8"))


def test_the_rule_finds_what_it_should() -> None:
    assert bare_streams("rng = np.random.default_rng([seed, 5])") == [1]
    assert bare_streams("x = derive_seed(seed, 5, n)") == [1]
    assert not bare_streams("x = derive_seed(seed, Stream.VIEWS)\nrng = default_rng(0)")


@pytest.mark.parametrize("streams", [Stream, SceneStream])
def test_no_two_streams_agree(streams: type[Stream] | type[SceneStream]) -> None:
    assert len({derive_seed(3, stream) for stream in streams}) == len(streams)
