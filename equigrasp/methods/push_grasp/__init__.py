"""Push-grasp: take a target out of clutter, pushing where a grasp would not hold (EPG, RA-L 2025)."""
