"""First weights without a single grasp."""
