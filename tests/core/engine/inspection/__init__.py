"""Tests of core.engine.inspecting."""
