"""The node that carries out grasps, and its planners."""
