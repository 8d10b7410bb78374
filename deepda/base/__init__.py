"""What every room needs and imports nothing of ours: errors, files, progress, system facts."""
