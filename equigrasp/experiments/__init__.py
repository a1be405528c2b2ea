"""Train, evaluate, benchmark and report."""
