"""How a graph is started, for `equigrasp up` and the launch files alike."""

import argparse
from pathlib import Path

import pytest
import yaml

from equigrasp.cli.arguments import add_graph_options
from equigrasp.errors import ConfigError
from equigrasp.paths import rviz_config
from equigrasp.ros import names
from equigrasp.ros.bringup.graph_options import GRAPH_ARGUMENTS, GraphOptions, options_of
from equigrasp.ros.bringup.launch_parts import MODES, describe


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rviz": "yes"}, "rviz 'yes' is not one of true, false"),
        ({"log_level": "loud"}, "log_level 'loud' is not one of debug, info, warn"),
        ({"description": "mine"}, "description 'mine' is not one of own, none"),
        ({"namespace": "left cell"}, "namespace 'left cell' is no ROS name"),
        ({"namespace": "1left"}, "namespace '1left'"),
        ({"namespace": "left//arm"}, "namespace 'left//arm'"),
        ({"namespace": "a__b"}, "namespace 'a__b'"),
        ({"params_file": "nowhere.yaml"}, "params_file 'nowhere.yaml' cannot be read"),
    ],
)
def test_bad_options_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GraphOptions(**given)


@pytest.mark.parametrize(
    "text", ["", "[]", "arm: 3", "arm: {rate: 2.0}", "arm: {ros__parameters: 3}", "a: ["]
)
def test_files_without_parameters_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(
        ConfigError, match=r"params.yaml' (holds no ROS parameters|cannot be read)"
    ):
        GraphOptions(params_file=str(file))


def test_options_reach_every_process(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("/**: {left: {arm: {ros__parameters: {state_rate: 50.0}}}}")
    options = GraphOptions("left/cell", str(file), log_level="debug")
    words = options.ros_arguments()
    assert words[words.index("--log-level") + 1] == "debug"
    assert words[words.index("-r") + 1] == "__ns:=/left/cell"
    assert words[words.index("--params-file") + 1] == str(file)
    assert "__ns" not in " ".join(GraphOptions("/").ros_arguments())


def test_simulations_in_namespaces_have_their_own_time() -> None:
    for mode, expected in (("sim", "/left/clock"), ("ur5", None)):
        nodes = describe(mode, {"method": "asr:tiny"}, GraphOptions("/left"))
        assert {d.remappings.get(names.CLOCK) for d in nodes} == {expected}
    alone = describe("sim", {"method": "asr:tiny"})
    assert {d.remappings.get(names.CLOCK) for d in alone} == {None}


@pytest.mark.parametrize("mode", MODES)
def test_the_display_is_started_by_options(mode: str) -> None:
    for options, expected in (
        (GraphOptions(), {names.ROBOT_STATE}),
        (GraphOptions(rviz="true"), {names.ROBOT_STATE, names.VISUALIZER}),
        (GraphOptions(description="none"), set()),
    ):
        found = {d.name: d for d in describe(mode, {"method": "asr:tiny"}, options)}
        assert {names.ROBOT_STATE, names.VISUALIZER} & set(found) == expected
        for name in expected:
            assert found[name].parameters["cell"] == found[names.EXECUTOR].parameters["cell"]
            joints = found[names.GRIPPER].remappings if mode != "sim" else {}
            assert found[name].remappings == joints


def test_the_command_line_offers_the_same_arguments() -> None:
    parser = argparse.ArgumentParser()
    add_graph_options(parser)
    assert options_of(parser.parse_args([])) == GraphOptions()
    given = parser.parse_args(["--namespace", "left", "--rviz", "true", "--log-level", "warn"])
    assert options_of(given) == GraphOptions("left", rviz="true", log_level="warn")
    assert all(a.description.endswith(".") for a in GRAPH_ARGUMENTS)


def test_rviz_finds_topics_in_a_namespace() -> None:
    config = yaml.safe_load(rviz_config().read_text(encoding="utf-8"))
    displays = config["Visualization Manager"]["Displays"]
    topics = [d[k]["Value"] for d in displays for k in ("Topic", "Description Topic") if k in d]
    assert topics and not any(t.startswith("/") for t in topics)
    command = GraphOptions("left").rviz_command(True)
    for part in ("__ns:=/left", "/tf:=tf", "/tf_static:=tf_static", "/clock:=/left/clock"):
        assert f"-r {part}" in command
    assert "-r" not in GraphOptions().rviz_command(False).split()
