"""Comparison of runs: variants, significance tests and the report."""
