"""Tests of core.engine.cluster."""
