"""One input of the field: what became of it once, and what becomes of it now."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from equigrasp.cli.main import main as cli_main
from equigrasp.errors import EquigraspError, shortened

ROOT = Path(__file__).resolve().parents[2]
_SHOWN = 110  # letters of a cell of the table


@dataclass(frozen=True)
class Case:
    """An input that was trouble.

    Args:
        what: The input.
        before: What it comes to where nobody thought of it.
        run: Tries it in an empty folder; returns what happens now, fails if that is not as it should be.
    """

    what: str
    before: str
    run: Callable[[Path], str]


def refused(call: Callable[[], object], *words: str) -> str:
    """Return how a call is refused: by an error of ours that holds all words, and is short."""
    try:
        value = call()
    except EquigraspError as error:
        text = str(error)
        missing = [word for word in words if word not in text]
        assert not missing, f"'{text}' lacks {missing}"
        assert len(text) <= 2000, f"{len(text)} letters"
        return f"refused: {text}"
    raise AssertionError(f"taken: {value!r}")


def command(*words: str, code: int = 2, told: str = "") -> str:
    """Run a command in this process; it ends with a code and one line."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            found = cli_main(list(words))
    except SystemExit as end:
        found = int(end.code or 0)
    text = err.getvalue().strip()
    assert found == code, f"code {found}, expected {code}: {text[-300:]}"
    assert told in text and "Traceback" not in text, text[-300:]
    assert text.count("\n") == 0, f"more than a line: {text[:300]}"
    return text


def process(*words: str, code: int, told: str, **variables: str) -> str:
    """Run a command in a process of its own, with other variables; it ends with a code and says a word."""
    paths = [p for p in (variables.pop("PYTHONPATH", ""), str(ROOT)) if p]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "equigrasp.cli", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    text = ended.stdout + ended.stderr
    assert ended.returncode == code, f"code {ended.returncode}, expected {code}: {text[-400:]}"
    assert told in text and "Traceback" not in text, f"lacks '{told}': {text[-400:]}"
    return next(line.strip() for line in text.splitlines() if told in line)


def row(*cells: str) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(shortened(' '.join(c.split()), _SHOWN).replace('|', '/') for c in cells)} |"
