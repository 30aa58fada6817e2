"""From scores to labels and to figures: thresholds, calibration, F1, significance."""
