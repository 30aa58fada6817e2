"""Tests of core.engine.host.identity."""
