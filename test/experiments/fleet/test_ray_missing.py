"""Without Ray the error says what to install, and nothing else needs it."""

import subprocess
import sys

import pytest

from equigrasp.experiments.fleet.ray_runtime import RayRuntime


def test_missing_ray_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(ImportError, match="pip install -r requirements/fleet.txt"):
        RayRuntime()
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)


@pytest.mark.slow
def test_importing_the_fleet_imports_no_ray() -> None:
    modules = ("ray_runtime", "process_runtime", "embedded_runtime", "plan", "monitor")
    lines = [f"import equigrasp.experiments.fleet.{m}" for m in modules]
    program = "\n".join([*lines, "import sys", "assert 'ray' not in sys.modules"])
    subprocess.run([sys.executable, "-c", program], check=True)
