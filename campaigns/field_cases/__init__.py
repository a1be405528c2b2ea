"""What was found broken in the field, by kind."""
