"""The folder of a run: metrics, pictures, report."""
