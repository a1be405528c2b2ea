"""Ask a running graph to pick an object, from a node of your own.

Start the graph (`equigrasp up sim`, or a real robot's), then in a second terminal:

    .venv/bin/python examples/pick_object.py --pick left --place right
"""

import argparse

import rclpy
from equigrasp_interfaces.action import PickObject
from rclpy.action import ActionClient
from rclpy.signals import SignalHandlerOptions


def main() -> None:
    """Send one goal, say what the robot does, and what came of it; Ctrl-C cancels it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pick", default="left", help="workspace to pick from [left]")
    parser.add_argument("--place", default="right", help="where to put the object [right]")
    options = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C must leave time to cancel
    node = rclpy.create_node("my_node")
    client = ActionClient(node, PickObject, "pick_object")
    if not client.wait_for_server(timeout_sec=60.0):
        raise SystemExit("No server of 'pick_object': is the graph running?")
    # The other fields keep their defaults: the grasp is the best that the policy knows (greedy).
    goal = PickObject.Goal(pick_workspace=options.pick, place_workspace=options.place)
    sent = client.send_goal_async(
        goal, feedback_callback=lambda message: print("phase", message.feedback.phase.phase)
    )
    try:
        rclpy.spin_until_future_complete(node, sent, timeout_sec=10.0)
        answer = sent.result().get_result_async()
        while not answer.done():  # in short waits: only between them Ctrl-C is heard
            rclpy.spin_once(node, timeout_sec=0.1)
    finally:  # the arm must not go on alone; a goal that has ended takes no harm
        rclpy.spin_until_future_complete(node, sent, timeout_sec=10.0)
        cancelled = sent.result().cancel_goal_async()
        rclpy.spin_until_future_complete(node, cancelled, timeout_sec=10.0)
    result = answer.result().result
    if result.motion.error_code:
        print(f"error {result.motion.error_code}: {result.motion.error_msg}")
    else:
        print("picked" if result.is_success else "missed", f"in {result.motion.duration:.1f} s")
    rclpy.shutdown()


if __name__ == "__main__":
    main()
