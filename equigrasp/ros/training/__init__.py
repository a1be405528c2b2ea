"""The nodes that choose, learn and collect."""
