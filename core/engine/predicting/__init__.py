"""Trained runs at work: typed text, bulk prediction, export, the estimator."""
