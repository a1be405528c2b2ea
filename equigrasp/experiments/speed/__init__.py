"""How fast we are, beside a straightforward implementation of what was published."""
