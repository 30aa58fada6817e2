"""Tests of core.engine.watching."""
