"""Decision rules and metrics: thresholds, calibration, F1, significance tests."""
