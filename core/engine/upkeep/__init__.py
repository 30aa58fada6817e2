"""Examining, mending, copying and measuring a workspace and its machine."""
