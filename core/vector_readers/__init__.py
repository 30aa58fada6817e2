"""One module per format of word vectors."""
