"""The limits that the style guide sets to every Python file."""

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from repository import PACKAGE, name, parse, python_files

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
# The command line, and what stands in its place on the terminal.
MAY_PRINT = ("cli/", "experiments/speed/bench.py", "ros/bringup/supervisor.py")

FILES = python_files("campaigns", "equigrasp", "examples", "launch", "test", "ros2_ws")
PACKAGE_FILES = python_files("equigrasp")


def offenders(files: Iterable[Path], check: Callable[[Path], list]) -> dict[str, list]:
    """Return what a check finds, by file; empty where all is well."""
    found = {name(path): check(path) for path in files}
    return {path: problems for path, problems in found.items() if problems}


def test_the_package_and_its_tests_are_found() -> None:
    assert len(PACKAGE_FILES) > 50
    assert Path(__file__).resolve() in FILES


def test_files_are_at_most_400_lines_long() -> None:
    def check(path: Path) -> list:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        return [lines] if lines > MAX_FILE_LINES else []

    assert offenders(FILES, check) == {}


def test_functions_are_at_most_60_lines_long() -> None:
    def check(path: Path) -> list:
        functions = [n for n in ast.walk(parse(path)) if _is_function(n)]
        lengths = [(f.name, f.end_lineno - f.lineno + 1) for f in functions]
        return [(n, lines) for n, lines in lengths if lines > MAX_FUNCTION_LINES]

    assert offenders(FILES, check) == {}


def test_every_file_has_a_docstring() -> None:
    def check(path: Path) -> list:
        return [] if ast.get_docstring(parse(path)) else ["no docstring"]

    assert offenders(FILES, check) == {}


def test_no_star_import_and_no_bare_except() -> None:
    def check(path: Path) -> list:
        nodes = list(ast.walk(parse(path)))
        stars = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
        bare = [n for n in nodes if isinstance(n, ast.ExceptHandler) and n.type is None]
        return [f"line {n.lineno}" for n in stars + bare]

    assert offenders(FILES, check) == {}


def test_only_the_command_line_prints() -> None:
    def check(path: Path) -> list:
        if path.relative_to(PACKAGE).as_posix().startswith(MAY_PRINT):
            return []
        names = (n for n in ast.walk(parse(path)) if isinstance(n, ast.Name))
        return [f"line {n.lineno}" for n in names if n.id == "print"]

    assert offenders(PACKAGE_FILES, check) == {}


def test_every_thread_has_a_name() -> None:
    """Whoever reads that a thread failed must find it; `test_thread_deaths.py` kills them by name."""

    def check(path: Path) -> list:
        calls = [n for n in ast.walk(parse(path)) if isinstance(n, ast.Call)]
        threads = [c for c in calls if ast.unparse(c.func).endswith("Thread")]
        return [c.lineno for c in threads if not any(k.arg == "name" for k in c.keywords)]

    assert offenders(PACKAGE_FILES, check) == {}


def test_names_in_all_exist() -> None:
    def check(path: Path) -> list:
        tree = parse(path)
        listed = {n for statement in tree.body for n in _all_names(statement)}
        return sorted(listed - _bound_names(tree))

    assert any(_all_names(s) for path in PACKAGE_FILES for s in parse(path).body)
    assert offenders(PACKAGE_FILES, check) == {}


def test_public_classes_and_functions_have_docstrings() -> None:
    def check(path: Path) -> list:
        nodes = (n for n in parse(path).body if isinstance(n, ast.ClassDef) or _is_function(n))
        return [n.name for n in nodes if _needs_docstring(n) and not ast.get_docstring(n)]

    assert offenders(PACKAGE_FILES, check) == {}


def test_public_functions_and_methods_have_types() -> None:
    def check(path: Path) -> list:
        body = parse(path).body
        classes = [n for n in body if isinstance(n, ast.ClassDef)]
        members = [n for c in classes for n in c.body]
        functions = [n for n in body + members if _is_function(n)]
        return [f.name for f in functions if not f.name.startswith("_") and not _is_typed(f)]

    assert offenders(PACKAGE_FILES, check) == {}


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _needs_docstring(node: ast.ClassDef | ast.FunctionDef) -> bool:
    # The module's docstring says what the program does whose main() this is.
    return not node.name.startswith("_") and node.name != "main"


def _is_typed(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    typed = [a for a in arguments if a.annotation or a.arg in ("self", "cls")]
    return len(typed) == len(arguments) and function.returns is not None


def _all_names(statement: ast.stmt) -> list[str]:
    if not isinstance(statement, ast.Assign):
        return []
    if [t.id for t in statement.targets if isinstance(t, ast.Name)] != ["__all__"]:
        return []
    return list(ast.literal_eval(statement.value))


def _bound_names(tree: ast.Module) -> set[str]:
    bound = set()
    blocks = [n for n in tree.body if isinstance(n, ast.With | ast.Try)]
    for node in [*tree.body, *(inner for block in blocks for inner in block.body)]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.ClassDef) or _is_function(node):
            bound.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return bound


def test_one_node_tells_where_moving_frames_are() -> None:
    """A frame with two owners jumps between them."""
    teller = re.compile(r"create_publisher\(\s*TFMessage,\s*names\.TF\b")
    found = [name(p) for p in PACKAGE_FILES if teller.search(p.read_text(encoding="utf-8"))]
    assert found == ["equigrasp/ros/display/robot_state_node.py"]
