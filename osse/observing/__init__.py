"""The observing system of 1981-2020: satellite, ships, moorings, floats, seen from a seed."""
