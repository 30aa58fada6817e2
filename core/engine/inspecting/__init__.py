"""What a category's model says of each document, and full-text search."""
