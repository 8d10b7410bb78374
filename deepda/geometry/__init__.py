"""Cells, windows and the maps between them: grid, meshes of models, regridding, interval means."""
