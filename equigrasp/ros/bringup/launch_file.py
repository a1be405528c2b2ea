"""What every file in `launch/` consists of; needs ROS's `launch`, which only they have."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.owner import become_owner
from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.diagnosis.network import (
    VARIABLE,
    choose_network,
    network_environment,
    network_warning,
)
from equigrasp.paths import rviz_config
from equigrasp.ros import names
from equigrasp.ros.bringup.domain_claim import check_graph, claim_domain
from equigrasp.ros.bringup.graph_options import (
    GRAPH_ARGUMENTS,
    Argument,
    GraphOptions,
    options_of,
)
from equigrasp.ros.bringup.launch_parts import (
    MODES,
    NETWORK,
    NodeDescription,
    Parameters,
    describe,
    whole_number,
)
from equigrasp.ros.bringup.restart_policy import RestartPolicy, why_given_up

_NAMESPACE = "ros_namespace"  # where launch_ros's PushRosNamespace keeps it


def launch_description(mode: str) -> Any:
    """Return the graph of `equigrasp up MODE`, without its progress bar.

    A simulated robot begins to learn by itself; a real one waits for a goal, or for `attempts:=N`.
    """
    attempts = Argument(
        "attempts",
        "0" if MODES[mode].is_real else "500",
        "Attempts in the run, earlier ones included; 0: wait for goals.",
    )
    arguments = (*MODES[mode].arguments, attempts, NETWORK, *GRAPH_ARGUMENTS)
    return _describe(arguments, _make_nodes, mode)


def view_description() -> Any:
    """Return what shows a cell in RViz, with sliders in the place of its robot."""
    cell = next(a for a in MODES["sim"].arguments if a.name == "cell")
    graph = [replace(a, default="true") if a.name == "rviz" else a for a in GRAPH_ARGUMENTS]
    return _describe((cell, *graph), _make_view)


def _describe(arguments: Sequence[Argument], make: Callable[..., Any], *more: str) -> Any:
    """Return declared arguments, and what is made once they have values."""
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchDescription

    declared = [
        DeclareLaunchArgument(
            a.name,
            default_value=(os.environ.get(VARIABLE) if a is NETWORK else "") or a.default,
            description=a.description,
            **({"choices": list(a.choices)} if a.choices else {}),
        )
        for a in arguments
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=make, args=list(more))])


def _value(context: Any, name: str) -> str:
    from launch.substitutions import LaunchConfiguration

    return str(LaunchConfiguration(name).perform(context))


def _graph_options(context: Any) -> GraphOptions:
    """Return the options of the graph, in the namespace that a file round ours pushed."""
    options = options_of({a.name: _value(context, a.name) for a in GRAPH_ARGUMENTS})
    pushed = context.launch_configurations.get(_NAMESPACE, "") or ""
    places = [place for name in (pushed, options.namespace) if (place := name.strip("/"))]
    return replace(options, namespace="/" + "/".join(places))


def _make_view(context: Any) -> list[Any]:
    from launch_ros.actions import Node

    options, cell = _graph_options(context), _value(context, "cell")
    load_cell(cell)
    shown = NodeDescription(names.ROBOT_STATE, "", {"cell": cell})
    nodes = [*_make_node(shown, shown.parameters, options)] if options.description == "own" else []
    sliders = "joint_state_publisher_gui"
    nodes.append(Node(package=sliders, executable=sliders, namespace=options.full_namespace))
    return [*nodes, *([_make_rviz(False, options)] if options.rviz == "true" else [])]


def _make_nodes(context: Any, mode: str) -> list[Any]:
    """Return the nodes, once nothing speaks against starting them.

    Raises:
        ConfigError: if an argument is wrong, or the ROS domain has a graph already.
    """
    from launch.actions import LogInfo

    attempts = whole_number("attempts", _value(context, "attempts"))
    num_attempts: Parameters = {"num_attempts": attempts}
    options = _graph_options(context)
    values = {a.name: _value(context, a.name) for a in MODES[mode].arguments}
    nodes, namespace = describe(mode, values, options), options.full_namespace
    choose_network(_value(context, NETWORK.name))
    prepare_ros()
    claim_domain(values["out"], namespace)
    check_graph([node.name for node in nodes], namespace)
    warning = network_warning()
    made: list[Any] = [LogInfo(msg=warning)] if warning else []
    for node in nodes:
        more = num_attempts if node.name == names.COLLECTOR else {}
        made += _make_node(node, node.parameters | more, options)
    if options.rviz == "true":
        made.append(_make_rviz(not MODES[mode].is_real, options))
    return made


def _make_rviz(is_simulated: bool, options: GraphOptions) -> Any:
    from launch_ros.actions import Node

    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        namespace=options.full_namespace,
        arguments=["-d", str(rviz_config())],
        parameters=[{"use_sim_time": is_simulated}],
        remappings=list(options.rviz_remappings(is_simulated).items()),
        output="log",
    )


def _make_node(
    node: NodeDescription, parameters: Parameters, options: GraphOptions
) -> tuple[Any, Any]:
    """Return a node's process, and what ends the graph when it dies again and again."""
    from launch.actions import RegisterEventHandler, Shutdown
    from launch.event_handlers import OnProcessExit
    from launch_ros.actions import Node
    from launch_ros.parameter_descriptions import ParameterValue

    policy = RestartPolicy()

    def on_exit(event: Any, context: Any) -> list[Any]:
        if context.is_shutdown or not policy.gives_up():
            return []
        return [Shutdown(reason=why_given_up(node.name, event.returncode, "its output"))]

    process = Node(
        package="equigrasp",
        executable=node.kind,
        namespace=options.full_namespace,
        # A serial number must not become an integer on its way.
        parameters=[
            {
                k: ParameterValue(v, value_type=str) if isinstance(v, str) else v
                for k, v in parameters.items()
            },
            *([options.params_file] if options.params_file else []),
        ],
        ros_arguments=["--log-level", options.log_level],
        remappings=list(node.remappings.items()),
        output="screen",
        # It ends with `ros2 launch`, and is reached as the others are.
        additional_env=become_owner().environment | network_environment(),
        respawn=True,
        respawn_delay=1.0,
        sigterm_timeout="30.0",  # SIGINT saves everything first
    )
    return process, RegisterEventHandler(OnProcessExit(target_action=process, on_exit=on_exit))
