"""A trained hierarchy applied to texts, and exported for use elsewhere."""
