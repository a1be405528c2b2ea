"""Drivers of real devices over their makers' own client libraries, imported on use."""
