"""Model output brought to the analysis grid and its windows."""
