"""The method without learning: superobservations, state, cycle, smoother, members, baselines."""
