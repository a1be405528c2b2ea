"""What methods share: exploration, weight store, checkpoints, metrics, seeding."""
