"""Learning by many processes: robots, replay shards, Bellman updaters and a learner, on any engine."""
