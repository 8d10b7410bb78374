"""CF NetCDF files, written whole or not at all."""
