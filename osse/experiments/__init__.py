"""What a finished run is worth with parts of its observing system left out."""
