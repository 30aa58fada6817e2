"""A category's predictions by document."""
