"""What anomalies are taken from: the seasonal cycle of a control run, and observed climatologies."""
