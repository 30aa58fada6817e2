"""Measuring the training: what `htrans-tui bench` and the scripts in benchmarks/ share."""
