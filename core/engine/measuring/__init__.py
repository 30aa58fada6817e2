"""Scores, measures, comparisons and reports of trained runs."""
