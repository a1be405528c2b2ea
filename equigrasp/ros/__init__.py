"""The ROS 2 graph: the only place that knows rclpy."""
