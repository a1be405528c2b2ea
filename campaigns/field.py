"""Give the software what was found broken in the field, and print what becomes of it.

.venv/bin/python campaigns/field.py

Takes some ten minutes on two cores. Exit code 1 if an input is not met as it should be.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "ros"))

from domains import free_domain
from field_cases.case import Case, row

KINDS = ("files", "messages", "live", "processes")


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def try_case(case: Case) -> tuple[str, bool]:
    """Return what becomes of an input, and whether that is as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return case.run(Path(folder)), True
        except BaseException as error:  # whatever it is, it is not what should be
            if isinstance(error, KeyboardInterrupt):
                raise
            return f"{type(error).__name__}: {error}", False


def main() -> int:
    """Try every input; return 1 if one is not met as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", choices=KINDS, help="inputs of one kind")
    options = parser.parse_args()
    os.environ["ROS_DOMAIN_ID"] = str(free_domain())
    began, num_bad, count = time.monotonic(), 0, 0
    say(row("input", "unforeseen", "what happens now", ""))
    say("|---|---|---|---|")
    for kind in [options.only] if options.only else KINDS:
        module = importlib.import_module(f"field_cases.{kind}")
        for case in module.CASES:
            now, is_right = try_case(case)
            count, num_bad = count + 1, num_bad + (not is_right)
            say(row(case.what, case.before, now, "ok" if is_right else "**NO**"))
        getattr(module, "close", lambda: None)()
    minutes = (time.monotonic() - began) / 60.0
    say(f"\n{count} inputs, {num_bad} not met as they should be; {minutes:.1f} min.")
    return 1 if num_bad else 0


if __name__ == "__main__":
    sys.exit(main())
