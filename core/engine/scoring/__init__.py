"""Scores of documents, decision rules and evaluation."""
