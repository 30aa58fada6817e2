"""Import and export of corpora, taxonomies and word vectors."""
