"""Files of corpora and runs: token arrays, indexes, model files, and the arrays a run reads."""
