"""equigrasp: a ROS 2 stack with which a robot learns to grasp on itself."""

__version__ = "0.1.0"
