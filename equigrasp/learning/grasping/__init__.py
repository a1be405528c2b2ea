"""Experience of single grasps on heightmaps, for all methods that learn from it."""
