"""Tests of core.measures."""
