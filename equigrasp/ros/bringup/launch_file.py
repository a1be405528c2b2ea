"""What every file in `launch/` consists of; needs ROS's `launch`, which only they have."""

import os
from typing import Any

from equigrasp.devices.owner import become_owner
from equigrasp.diagnosis.environment import prepare_ros
from equigrasp.diagnosis.network import (
    VARIABLE,
    choose_network,
    network_environment,
    network_warning,
)
from equigrasp.ros import names
from equigrasp.ros.bringup.domain_claim import check_graph, claim_domain
from equigrasp.ros.bringup.launch_parts import (
    MODES,
    NETWORK,
    Argument,
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
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchDescription

    attempts = Argument(
        "attempts",
        "0" if MODES[mode].is_real else "500",
        "Attempts in the run, those of before included; 0: wait for goals.",
    )
    arguments = (*MODES[mode].arguments, attempts, NETWORK)
    declared = [
        DeclareLaunchArgument(
            a.name,
            default_value=(os.environ.get(VARIABLE) if a is NETWORK else "") or a.default,
            description=a.description,
            **({"choices": list(a.choices)} if a.choices else {}),
        )
        for a in arguments
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_make_nodes, args=[mode])])


def _make_nodes(context: Any, mode: str) -> list[Any]:
    """Return the nodes, once nothing speaks against starting them.

    Raises:
        ConfigError: if an argument is wrong, or the ROS domain has a graph already.
    """
    from launch.actions import LogInfo
    from launch.substitutions import LaunchConfiguration

    def value(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    num_attempts: Parameters = {"num_attempts": whole_number("attempts", value("attempts"))}
    nodes = describe(mode, {a.name: value(a.name) for a in MODES[mode].arguments})
    choose_network(value(NETWORK.name))
    prepare_ros()
    namespace = context.launch_configurations.get(_NAMESPACE, "") or "/"
    claim_domain(value("out"), namespace)
    check_graph([node.name for node in nodes], namespace)
    warning = network_warning()
    made: list[Any] = [LogInfo(msg=warning)] if warning else []
    for node in nodes:
        more = num_attempts if node.name == names.COLLECTOR else {}
        made += _make_node(node, node.parameters | more)
    return made


def _make_node(node: NodeDescription, parameters: Parameters) -> tuple[Any, Any]:
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
        executable=node.name,
        # A serial number must not become an integer on its way.
        parameters=[
            {
                k: ParameterValue(v, value_type=str) if isinstance(v, str) else v
                for k, v in parameters.items()
            }
        ],
        remappings=list(node.remappings.items()),
        output="screen",
        # It ends with `ros2 launch`, and is reached as the others are.
        additional_env=become_owner().environment | network_environment(),
        respawn=True,
        respawn_delay=1.0,
        sigterm_timeout="30.0",  # SIGINT saves everything first
    )
    return process, RegisterEventHandler(OnProcessExit(target_action=process, on_exit=on_exit))
