"""Tests of core.engine.predicting."""
