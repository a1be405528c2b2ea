"""The launch files, evaluated by ROS's own `launch`; skipped where ROS has none, as in the wheels."""

from pathlib import Path

import pytest
import yaml

pytest.importorskip("launch_ros")

from launch.actions import IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch_ros.actions import Node  # noqa: E402

from equigrasp.errors import ConfigError  # noqa: E402
from equigrasp.paths import share_dir  # noqa: E402
from equigrasp.ros.bringup.launch_parts import MODES, describe  # noqa: E402
from launch import LaunchContext, LaunchDescription  # noqa: E402

pytestmark = pytest.mark.ros


def _parameters(mode: str, **arguments: str) -> dict[str, dict]:
    """Return each node's parameters by its executable, as launch would write them to a file."""
    source = PythonLaunchDescriptionSource(str(Path(share_dir()) / "launch" / f"{mode}.launch.py"))
    context, found = LaunchContext(), {}
    todo = [IncludeLaunchDescription(source, launch_arguments=list(arguments.items()))]
    while todo:
        entity = todo.pop(0)
        if isinstance(entity, LaunchDescription):
            todo = [*entity.entities, *todo]
        elif isinstance(entity, Node):
            entity._perform_substitutions(context)
            path, _ = entity._Node__expanded_parameter_arguments[0]
            found[entity.node_executable] = yaml.safe_load(Path(path).read_text())["/**"][
                "ros__parameters"
            ]
        else:
            todo = [*(entity.visit(context) or []), *todo]
    return found


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
