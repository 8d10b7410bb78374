"""The embedded stochastic ocean: a control simulation without any download."""
