"""Prediction of new documents: bulk prediction, export, inference server and estimator."""
