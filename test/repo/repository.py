"""What the repository tests look at: its files, read as text and never imported."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "equigrasp"
WORKSPACE = ROOT / "ros2_ws"
INTERFACE_PACKAGES = sorted(
    p.parent for top in ("src", "compat") for p in (WORKSPACE / top).glob("*/package.xml")
)
_BUILT = {"build", "install", "log", "venv", "__pycache__"}


def name(path: Path) -> str:
    """Return a path below the repository as a test's name."""
    return path.relative_to(ROOT).as_posix()


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below some folders of the repository."""
    return [p for folder in folders for p in _below(ROOT / folder) if p.suffix == ".py"]


def text_files() -> list[Path]:
    """Return the text files that people wrote, without what a build or a run leaves."""
    folders = (
        ".ci",
        ".github",
        "campaigns",
        "config",
        "docker",
        "docs",
        "examples",
        "equigrasp",
        "launch",
        "models",
        "requirements",
        "test",
    )
    files = [p for folder in (*folders, "urdf", "ros2_ws") for p in _below(ROOT / folder)]
    files += [p for p in ROOT.iterdir() if p.is_file() and p.name != ".git"]
    return sorted(p for p in files if _is_text(p))


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _below(folder: Path) -> list[Path]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return sorted(p for p in files if not _BUILT & set(p.relative_to(ROOT).parts))


def _is_text(path: Path) -> bool:
    try:
        return "\0" not in path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
