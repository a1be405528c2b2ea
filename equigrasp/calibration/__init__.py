"""Where the camera, the trays and the table really are: measured, judged and kept as YAML."""
