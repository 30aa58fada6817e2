"""Scores of documents, decision rules, and the metrics that follow from them."""
