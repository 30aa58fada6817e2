"""File formats of corpora, taxonomies and word vectors, one module per format."""
