"""What people see of the graph in RViz: the robot and the cell, and what is planned there."""
