"""Tests of core.engine.runs.starting."""
