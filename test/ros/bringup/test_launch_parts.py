"""The list of nodes that `equigrasp up` and the launch files share."""

import ast
import importlib.util
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml

from equigrasp.config import find_config, read_yaml
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.learning.method_names import name_from_file
from equigrasp.learning.weight_store import load_weights
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights, models_dir, share_dir
from equigrasp.ros.bringup.launch_parts import MODES, STOP_ORDER, describe, resolve


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_a_launch_file_and_an_order_to_stop_in(mode: str) -> None:
    tree = ast.parse((Path(share_dir()) / "launch" / f"{mode}.launch.py").read_text())
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    assert [ast.literal_eval(c.args[0]) for c in calls] == [mode]
    assert {d.kind for d in describe(mode, {})} <= set(STOP_ORDER)


@pytest.mark.parametrize("mode", MODES)
def test_every_argument_is_described_and_its_default_is_a_choice(mode: str) -> None:
    for argument in MODES[mode].arguments:
        assert argument.description.endswith(".")
        assert not argument.choices or argument.default in argument.choices


def test_only_the_simulation_sets_the_clock() -> None:
    times = {m: {d.parameters.get("use_sim_time") for d in describe(m, {})} for m in MODES}
    assert times == {"sim": {None, True}, "ur5": {None, False}, "kuka": {None, False}}


def test_the_robots_address_reaches_arm_and_gripper() -> None:
    nodes = {d.name: d for d in describe("ur5", {"robot_ip": "10.0.0.2", "camera_serial": "7"})}
    assert nodes["arm"].parameters["host"] == nodes["gripper"].parameters["host"] == "10.0.0.2"
    assert nodes["camera"].parameters["serial"] == "7"
    elsewhere = describe("ur5", {"robot_ip": "10.0.0.2", "gripper_host": "10.0.0.3"})
    assert next(d for d in elsewhere if d.name == "gripper").parameters["host"] == "10.0.0.3"


def test_each_camera_of_a_cell_has_a_node(tmp_path: Path) -> None:
    cameras = {"overhead": {"config": "overhead"}, "shoulder": {"config": "overhead"}}
    cell = read_yaml(find_config("cells", "ur5")) | {"cameras": cameras}
    (tmp_path / "cell.yaml").write_text(yaml.safe_dump(cell))
    nodes = {d.name: d for d in describe("ur5", {"cell": str(tmp_path / "cell.yaml")})}
    shoulder = nodes["shoulder_camera"]
    assert shoulder.kind == nodes["camera"].kind == "camera"
    assert shoulder.parameters["name"] == "shoulder" and "name" not in nodes["camera"].parameters
    assert shoulder.remappings == {"__node": "shoulder_camera"}


def test_the_vendors_names_take_the_place_of_ours() -> None:
    nodes = {d.name: d for d in describe("kuka", {"arm_action": "/a/b", "joint_states": "/a/js"})}
    assert "arm" not in nodes
    ours = "joint_trajectory_controller/follow_joint_trajectory/_action/"
    assert nodes["executor"].remappings[f"{ours}send_goal"] == "/a/b/_action/send_goal"
    assert nodes["executor"].remappings["joint_states"] == "/a/js"
    assert nodes["gripper"].remappings == {"joint_states": "/a/js"}


@pytest.mark.parametrize("mode", MODES)
def test_the_planner_reaches_the_executor(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moveit", Mock(__spec__=Mock()))
    for planner in ("ompl", "moveit"):
        nodes = {d.name: d for d in describe(mode, {"planner": planner})}
        assert nodes["executor"].parameters["planner"] == planner


def test_a_real_robot_descends_slowly_unless_told_otherwise() -> None:
    for mode, arguments, speed in (
        ("sim", {}, None),
        ("ur5", {}, 0.1),
        ("kuka", {"descent_speed": "0.05"}, 0.05),
    ):
        nodes = {d.name: d for d in describe(mode, arguments)}
        assert nodes["executor"].parameters.get("descent_speed") == speed


def test_nothing_is_started_with_a_planner_that_is_not_there() -> None:
    if importlib.util.find_spec("moveit") is not None:
        pytest.skip("MoveIt is here")
    with pytest.raises(ConfigError, match=r"moveit_py.*apt install .*ros-jazzy-moveit-py"):
        describe("ur5", {"planner": "moveit"})
    with pytest.raises(ConfigError, match="planner 'chomp' is not one of ompl, moveit"):
        describe("ur5", {"planner": "chomp"})


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"objects": "nonsense"}, "Unknown object set 'nonsense'. Known: household"),
        ({"cell": "nonsense"}, "nonsense"),
    ],
)
def test_unknown_names_are_refused_before_anything_starts(
    argument: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        describe("sim", argument)


def test_arguments_belong_to_modes() -> None:
    with pytest.raises(ConfigError, match="Unknown argument 'robot_ip'. Known: cell, planner"):
        resolve("sim", {"robot_ip": "10.0.0.2"})
    with pytest.raises(ConfigError, match="Unknown argument 'objects'"):
        resolve("ur5", {"objects": "household"})


def test_a_run_begins_with_the_methods_own_weights_unless_it_says_otherwise(
    tmp_path: Path,
) -> None:
    name = "asr_compact_ur5"
    method = tmp_path / "mine.yaml"
    method.write_text(f"extends: asr:compact\ntraining:\n  first_weights: {name}\n")
    values = {"method": str(method)}
    for given, path, num_random in (
        ("", str(find_weights(name).resolve()), 0),
        ("none", "", load_method("asr:compact")[1].acting.num_random_attempts),
    ):
        nodes = {d.name: d for d in describe("sim", values | {"weights": given})}
        for node in ("policy", "learner"):
            assert nodes[node].parameters["weights"] == path
        assert nodes["collector"].parameters["num_random_attempts"] == num_random
    method.write_text("extends: asr:compact\ntraining:\n  first_weights: lost\n")
    with pytest.raises(ConfigError, match="Unknown weights 'lost'"):
        describe("sim", values)


def test_weights_are_found_and_checked_before_anything_starts(tmp_path: Path) -> None:
    name = sorted(p.stem for p in models_dir().glob("*.safetensors"))[0]
    method = name_from_file(load_weights(find_weights(name))[1]["configuration"])
    nodes = {d.name: d for d in describe("sim", {"weights": name, "method": method})}
    for node in ("policy", "learner"):
        assert nodes[node].parameters["weights"] == str(find_weights(name).resolve())
    assert nodes["collector"].parameters["num_random_attempts"] == 0
    with pytest.raises(ConfigError, match=f"Unknown weights 'mine'. Known weights:.*{name}"):
        describe("sim", {"weights": "mine"})
    with pytest.raises(WeightsError, match=f"{name}.safetensors.*Choose method '{method}'"):
        describe("sim", {"weights": name, "method": "fcn/rot:compact"})
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(find_weights(name).read_bytes()[:-9])
    with pytest.raises(WeightsError, match=f"{torn}: not a readable weight file"):
        describe("ur5", {"weights": str(torn)})


@pytest.mark.parametrize(
    ("mode", "method", "is_on"),
    [
        ("sim", "asr", True),
        ("sim", "fcn", True),
        ("sim", "push_grasp", False),
        ("ur5", "asr", False),
    ],
)
def test_freeing_pushes_are_on_in_simulation_where_the_method_can_make_them(
    mode: str, method: str, is_on: bool
) -> None:
    nodes = describe(mode, {"method": method, "weights": "none"})
    (policy,) = (n for n in nodes if n.kind == "policy")
    assert policy.parameters["has_freeing_pushes"] is is_on
