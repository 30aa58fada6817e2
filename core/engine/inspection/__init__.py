"""Predictions of a category, document by document."""
