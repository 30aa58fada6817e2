"""Tests of core.prediction."""
