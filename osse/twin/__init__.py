"""The twin experiment: train on a control simulation, evaluate on years that training never saw."""
