"""Tokenizers, vocabularies, word vectors and text files."""
