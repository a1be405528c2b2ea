"""No test that CI runs asks how long something took by the wall clock."""

import ast
from pathlib import Path

import pytest
from repository import name, python_files

CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time", "monotonic_ns"}
SHORTEST_PATIENCE = 30.0  # [s] of a deadline that only bounds a hang

TESTS = [p for p in python_files("test") if p.name != "conftest.py"]


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_no_assertion_on_wall_clock_time(path: Path) -> None:
    assert violations(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "lines",
    [
        "began = time.monotonic()\nassert time.monotonic() - began < 2.0",
        "began = time.monotonic()\ntook = time.monotonic() - began\nassert 0.1 < took < 2.0",
        "began = time.time()\nassert 2.0 > time.time() - began",
        "began = time.process_time()\nassert (time.process_time() - began) / 10 < 0.03",
        "end = time.monotonic() + 5.0\nassert time.monotonic() < end",
    ],
)
def test_bounds_on_wall_clock_time_are_found(lines: str) -> None:
    assert violations(_test(lines)) == [f"line {1 + len(lines.splitlines())}"]


@pytest.mark.parametrize(
    "lines",
    [
        "began = time.monotonic()\nassert time.monotonic() - began >= 2.0",  # a late one passes
        "asked = time.time()\nassert asked <= frame.stamp <= time.time()",  # an order
        "end = time.monotonic() + 60.0\nassert time.monotonic() < end",
        "began = clock.now()\nassert clock.now() - began < 2.0",
    ],
)
def test_orders_and_patience_are_allowed(lines: str) -> None:
    assert violations(_test(lines)) == []


def test_the_timing_tier_may_measure() -> None:
    tree = _test("began = time.monotonic()\nassert time.monotonic() - began < 2.0")
    tree.body[0].decorator_list = [ast.parse("pytest.mark.timing", mode="eval").body]
    assert violations(tree) == []


def violations(tree: ast.Module) -> list[str]:
    """Return the lines of assertions that a busy machine can break."""
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and not _is_timing(function):
            found += _Durations(function).violations()
    return [f"line {n}" for n in sorted(set(found))]


class _Durations:
    """What in a function is read from a clock, what is a duration, and what is a short deadline."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self._function = function
        self._readings: set[str] = set()
        self._durations: set[str] = set()
        self._short: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._note(target, node.value)

    def violations(self) -> list[int]:
        """Return the lines of assertions that ask for less than some time."""
        asserts = (n for n in ast.walk(self._function) if isinstance(n, ast.Assert))
        comparisons = (
            (a.lineno, c) for a in asserts for c in ast.walk(a.test) if isinstance(c, ast.Compare)
        )
        return [line for line, comparison in comparisons if self._is_bound(comparison)]

    def _is_bound(self, comparison: ast.Compare) -> bool:
        sides = [comparison.left, *comparison.comparators]
        for operator, left, right in zip(comparison.ops, sides, sides[1:], strict=False):
            if isinstance(operator, ast.Gt | ast.GtE):
                left, right = right, left
            elif not isinstance(operator, ast.Lt | ast.LtE):
                continue
            if self._is_duration(left) or self._is_short_deadline(right):
                return True
        return False

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for inner, its in zip(target.elts, value.elts, strict=False):
                self._note(inner, its)
        elif isinstance(target, ast.Name):
            if self._is_duration(value):
                self._durations.add(target.id)
            elif self._is_short_deadline(value):
                self._short.add(target.id)
            elif _is_reading(value):
                self._readings.add(target.id)

    def _is_time(self, node: ast.expr) -> bool:
        return _is_reading(node) or (isinstance(node, ast.Name) and node.id in self._readings)

    def _is_duration(self, node: ast.expr) -> bool:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in self._durations:
                return True
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
                if self._is_time(inner.left) and not isinstance(inner.right, ast.Constant):
                    return True
        return False

    def _is_short_deadline(self, node: ast.expr) -> bool:
        """Return whether this is a time that passes soon, or that has just passed."""
        if isinstance(node, ast.Name) and node.id in self._short:
            return True
        if not isinstance(node, ast.BinOp) or not self._is_time(node.left):
            return False
        if not isinstance(node.right, ast.Constant):
            return False
        return isinstance(node.op, ast.Add) and node.right.value < SHORTEST_PATIENCE


def _is_reading(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    module = node.func.value
    return isinstance(module, ast.Name) and module.id == "time" and node.func.attr in CLOCKS


def _is_timing(function: ast.FunctionDef) -> bool:
    return any("mark.timing" in ast.unparse(d) for d in function.decorator_list)


def _test(lines: str) -> ast.Module:
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return ast.parse(f"def test_it():\n{indented}\n")
