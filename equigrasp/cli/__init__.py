"""The command `equigrasp`, a file a command."""
