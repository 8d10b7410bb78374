"""What can be set: types and checks, choices, one tree of values."""
