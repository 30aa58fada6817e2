"""Text to token ids and word vectors, and the plain files that text comes from."""
