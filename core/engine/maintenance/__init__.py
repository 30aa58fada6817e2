"""Doctor, backup and repair of a workspace."""
