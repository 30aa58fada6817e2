"""Tests of core.engine.upkeep."""
