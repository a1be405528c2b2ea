"""The launch files, evaluated by ROS's own `launch`; skipped where ROS has none, as in the wheels."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

pytest.importorskip("launch_ros")

from launch.actions import IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch.substitutions import LocalSubstitution  # noqa: E402
from launch.utilities import perform_substitutions  # noqa: E402
from launch_ros.actions import Node, PushRosNamespace  # noqa: E402

from equigrasp.errors import ConfigError  # noqa: E402
from equigrasp.paths import share_dir  # noqa: E402
from equigrasp.ros.bringup.launch_parts import MODES, STOP_ORDER, describe  # noqa: E402
from launch import Action, LaunchContext, LaunchDescription  # noqa: E402

pytestmark = pytest.mark.ros


ROOT = Path(__file__).parents[2]
LAUNCH_FILES = sorted([*ROOT.glob("launch/*.py"), *ROOT.glob("ros2_ws/src/*/launch/*.py")])


@pytest.fixture(autouse=True)
def _nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started here, so nobody is looked for."""
    for name in ("claim_domain", "check_graph"):
        monkeypatch.setattr(f"equigrasp.ros.bringup.launch_file.{name}", lambda *_: None)


@dataclass(frozen=True)
class Launched:
    """What becomes of one node."""

    parameters: dict
    name: str
    words: list[str]


def _launch(file: Path, *around: Action, **arguments: str) -> dict[str, Launched]:
    """Return each node by its executable, as launch would start it."""
    source = PythonLaunchDescriptionSource(str(file))
    context, found = LaunchContext(), {}
    todo = [*around, IncludeLaunchDescription(source, launch_arguments=list(arguments.items()))]
    while todo:
        entity = todo.pop(0)
        if isinstance(entity, LaunchDescription):
            todo = [*entity.entities, *todo]
        elif isinstance(entity, Node):
            entity._perform_substitutions(context)
            parameters: dict = {}
            for path, _ in entity._Node__expanded_parameter_arguments or []:
                content = yaml.safe_load(Path(path).read_text())
                (of_node,) = content.values()
                parameters |= of_node["ros__parameters"]
            whole = [w for w in entity.cmd if not isinstance(w[0], LocalSubstitution)]
            words = [
                perform_substitutions(context, w) for w in whole[1:]
            ]  # the first is searched for
            words += [f"{old}:={new}" for old, new in entity.expanded_remapping_rules or []]
            found[entity.node_executable] = Launched(parameters, entity.node_name, words)
        else:
            todo = [*(entity.visit(context) or []), *todo]
    return found


def _parameters(mode: str, **arguments: str) -> dict[str, dict]:
    """Return each node's parameters by its executable."""
    file = Path(share_dir()) / "launch" / f"{mode}.launch.py"
    return {name: node.parameters for name, node in _launch(file, **arguments).items()}


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda p: p.stem)
def test_every_file_is_evaluated_with_every_shared_argument(file: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("/**: {ros__parameters: {cell: ur5, extra: 7}}")
    nodes = _launch(file, namespace="left", params_file=str(mine), rviz="true", log_level="warn")
    ours = {name: n for name, n in nodes.items() if name in (*STOP_ORDER, "robot_state")}
    assert "robot_state" in ours and "rviz2" in nodes
    for node in ours.values():
        assert node.parameters["extra"] == 7
        assert " ".join(node.words).count("--log-level warn") == 1
    assert all(n.name.startswith("/left/") for n in nodes.values())
    assert Path(nodes["rviz2"].words[nodes["rviz2"].words.index("-d") + 1]).is_file()


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda p: p.stem)
def test_every_file_is_evaluated_without_arguments(file: Path) -> None:
    nodes = _launch(file)
    assert ("rviz2" in nodes) == (file.stem == "view_cell.launch")
    assert "robot_state" not in _launch(file, description="none")


def test_namespaces_of_files_round_ours_are_kept() -> None:
    nodes = _launch(ROOT / "launch" / "sim.launch.py", PushRosNamespace("hall"), namespace="left")
    assert {n.name.rpartition("/")[0] for n in nodes.values()} == {"/hall/left"}
    assert all("/clock:=/hall/left/clock" in n.words for n in nodes.values())


@pytest.mark.parametrize("mode", MODES)
def test_launch_starts_what_the_command_starts(mode: str) -> None:
    attempts = 7
    found = _parameters(mode, attempts=str(attempts), seed="3")
    described = {d.name: dict(d.parameters) for d in describe(mode, {"seed": "3"})}
    described["collector"]["num_attempts"] = attempts
    assert found == described


@pytest.mark.parametrize("mode", MODES)
def test_moveit_is_chosen_by_an_argument(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("equigrasp.ros.bringup.launch_parts.check_planner", lambda _: None)
    assert _parameters(mode, planner="moveit")["executor"]["planner"] == "moveit"


def test_without_moveit_nothing_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("equigrasp.ros.executor.planners.importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="moveit_py"):
        _parameters("ur5", planner="moveit")
    with pytest.raises(RuntimeError, match="'ompl', 'moveit'"):
        _parameters("ur5", planner="chomp")
