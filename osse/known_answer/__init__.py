"""All methods against the exact Kalman filter of a small linear ocean."""
