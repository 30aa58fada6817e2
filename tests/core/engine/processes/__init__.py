"""Tests of core.engine.processes.identity."""
