"""The method without learning: superobservations, state, cycle, smoother, covariance, baselines."""
