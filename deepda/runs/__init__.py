"""A trained run on disk: checkpoint, opening it, its use in Python."""
