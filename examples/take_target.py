"""Ask a running graph for one object out of the clutter, from a node of your own.

Start the graph (`equigrasp up sim --method push_grasp --cell ur5_table`), then in a second terminal:

    .venv/bin/python examples/take_target.py --point 0.45 -0.10   # [m]; or --id 3 of `segment_scene`
"""

import argparse

import rclpy
from equigrasp_interfaces.action import PushGrasp
from equigrasp_interfaces.msg import Target
from rclpy.action import ActionClient
from rclpy.signals import SignalHandlerOptions


def main() -> None:
    """Send one goal, and say what came of it; Ctrl-C cancels it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--point", type=float, nargs=2, metavar=("X", "Y"), help="where it lies")
    parser.add_argument("--id", type=int, help="its number; neither: what the policy likes best")
    options = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C must leave time to cancel
    client = ActionClient(node := rclpy.create_node("my_node"), PushGrasp, "push_grasp")
    client.wait_for_server(60.0) or parser.error("no server of 'push_grasp': is the graph up?")
    goal = PushGrasp.Goal(workspace="table", place_workspace="bin")
    if options.point:
        goal.target.kind = Target.KIND_POINT
        goal.target.point.point.x, goal.target.point.point.y = options.point
    elif options.id is not None:  # a program sets `segmented_at` to its labels' stamp, too
        goal.target.kind, goal.target.id = Target.KIND_ID, options.id
    sent = client.send_goal_async(goal)
    try:
        rclpy.spin_until_future_complete(node, sent, timeout_sec=10.0)
        answer = sent.result().get_result_async()
        while not answer.done():  # in short waits: only between them Ctrl-C is heard
            rclpy.spin_once(node, timeout_sec=0.1)
    finally:  # the arm must not go on alone; a goal that has ended takes no harm
        rclpy.spin_until_future_complete(node, sent, timeout_sec=10.0)
        rclpy.spin_until_future_complete(node, sent.result().cancel_goal_async(), timeout_sec=10.0)
    result = answer.result().result
    error, taken = result.motion, "taken" if result.is_target_taken else "missed"
    said = f"error {error.error_code}: {error.error_msg}"
    print(said if error.error_code else f"{taken} after {result.num_pushes} pushes")
    rclpy.shutdown()


if __name__ == "__main__":
    main()
