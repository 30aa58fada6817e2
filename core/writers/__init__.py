"""Corpora and taxonomies as files that other programs read, one module per format."""
