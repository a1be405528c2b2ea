"""A whole virtual robot cell that speaks the vendors' protocols."""
