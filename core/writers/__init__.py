"""One module per file format that a taxonomy is written in."""
