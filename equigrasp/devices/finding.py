"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A check: its subject, whether it passed, and the remedy."""

    what: str
    is_ok: bool
    remedy: str = ""
