"""Acting in a simulated cell: attempts, runs, references."""
