"""Files of corpora and runs: token arrays, indexes, models and scores."""
