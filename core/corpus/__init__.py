"""Documents, the taxonomy of their labels, their splits, and the examples of one category."""
