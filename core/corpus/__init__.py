"""Documents, taxonomies, splits, and the training examples of categories."""
