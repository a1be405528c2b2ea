"""Try frozen weights."""
