"""Tests of core.engine.measuring."""
