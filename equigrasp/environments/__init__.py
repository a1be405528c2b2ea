"""In-process tasks: a RobotCell that turns actions into outcomes."""
