"""Start the graph: the list of nodes, launch files, the supervisor."""
