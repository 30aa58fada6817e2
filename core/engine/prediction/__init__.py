"""Labelling new documents: bulk prediction, exports, the inference server, the estimator."""
