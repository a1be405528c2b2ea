"""Push-grasp: its data, its stages of training, its protocols."""
