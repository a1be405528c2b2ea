"""From camera frames to heightmaps and observations."""
