"""Between messages and our own types, in pairs, a file a subject."""
