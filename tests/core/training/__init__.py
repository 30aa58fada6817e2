"""Tests of core.training.epochs."""
