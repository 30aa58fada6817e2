"""Tests of core.engine.importing."""
