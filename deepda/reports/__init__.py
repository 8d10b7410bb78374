"""The self-contained page that every report is."""
