"""Search over settings of generator and training."""
