"""Entry points of the engine's processes: guardian, supervisor and worker."""
