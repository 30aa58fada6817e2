"""Prediction with a trained hierarchy, and its export."""
