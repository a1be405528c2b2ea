"""A run's folder: everything that is needed to understand and to repeat it."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from equigrasp.config import read_yaml
from equigrasp.errors import ConfigError, shortened
from equigrasp.learning.method_names import name_from_file
from equigrasp.paths import share_dir

LABELS = "labels"  # the argument that tells whose labels the log holds in the place of attempts


@dataclass(frozen=True)
class RunFolder:
    """Names of the files in a run folder."""

    path: Path

    @property
    def config(self) -> Path:
        """Resolved configuration, arguments, seed and commit."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """A row an attempt."""
        return self.path / "metrics.csv"

    @property
    def log(self) -> Path:
        """The experience log."""
        return self.path / "experience.log"

    @property
    def weights(self) -> Path:
        """Folder of policy weights."""
        return self.path / "weights"

    def holds_labels(self) -> bool:
        """Tell whether `equigrasp pretrain` made it: its log holds labels, not attempts."""
        return self.config.is_file() and LABELS in self.read_config()["arguments"]

    def newest_weights(self) -> Path:
        """Return the newest weight file; raise `ConfigError` if there is none.

        Runs of a benchmark have snapshots instead of policy weights.
        """
        files = sorted(self.weights.glob("policy_*.safetensors"))
        files = files or sorted((self.path / "snapshots").glob("attempt_*.safetensors"))
        if not files:
            raise ConfigError(f"Run folder '{self.path}' holds no weights yet.")
        return files[-1]

    def begin(
        self, arguments: Mapping[str, Any], method: dict[str, Any], is_resume: bool | None
    ) -> None:
        """Create the folder, or check that it is the same run.

        Args:
            arguments: Options of the run, by name.
            method: The method's configuration, as `to_mapping` returns it.
            is_resume: True: there must be a run; False: there must be none; None: either.

        Raises:
            ConfigError: if the folder's run has another seed, cell, method or first weights.
        """
        kept = {k: v for k, v in arguments.items() if k != "out"}  # a folder may be moved
        values = {"arguments": kept, "method": method, "commit": commit()}
        self._make_writable()
        if is_resume is False and (self.config.exists() or self.log.exists()):
            raise ConfigError(
                f"'{self.path}' already holds a run. Carry it on with --resume, "
                "or choose another folder with --out."
            )
        if self.config.exists():
            before = self.read_config()
            for key in ("seed", "cell", "method", "weights"):
                old, new = before["arguments"].get(key), arguments.get(key)
                if key == "method" and old is not None:
                    old = name_from_file(old)
                if old != new:
                    raise ConfigError(
                        f"'{self.path}' holds a run with {key} '{old}', not '{new}'. "
                        "Choose another folder with --out."
                    )
            return
        if is_resume and not self.log.exists():
            raise ConfigError(f"There is no run in '{self.path}' to resume.")
        text = yaml.safe_dump(values, sort_keys=False)
        partial = self.config.with_suffix(".part")  # never half a file, whoever pulls the plug
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.config)

    def read_config(self) -> dict[str, Any]:
        """Return what `begin` wrote: `arguments`, `method` and `commit`.

        Raises:
            ConfigError: if the file is missing, empty or damaged; names the remedy.
        """
        try:
            values = read_yaml(self.config)
        except (ConfigError, OSError, UnicodeError) as error:
            raise self._damage(str(error)) from error
        arguments = values.get("arguments")
        if not isinstance(arguments, dict) or not isinstance(values.get("method"), dict):
            raise self._damage("it is empty, or lacks arguments and method")
        return values

    def _damage(self, reason: str) -> ConfigError:
        return ConfigError(
            f"'{self.config}' cannot be read: {reason}. `equigrasp repair {self.path}` moves it aside; "
            "then resume with the run's own arguments."
        )

    def _make_writable(self) -> None:
        """Create the folder; raise `ConfigError` if nothing can be written there."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise ConfigError(
                f"Nothing can be written to '{shortened(self.path, 200)}': {error.strerror}. Choose another "
                "folder with --out."
            ) from error


def commit() -> str:
    """Return the commit of the checkout, with `+` where files differ from it, or 'unknown'."""
    git = ["git", "-C", str(share_dir())]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
