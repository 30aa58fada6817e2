"""Tests of core.planning."""
