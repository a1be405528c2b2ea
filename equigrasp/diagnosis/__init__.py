"""What `equigrasp doctor` examines."""
