"""What every node is built on: life cycle, parameters, clocks, calls."""
