"""Training one classifier: class-weight search, epochs, early stopping, checkpoints."""
