"""User actions on runs: start, steer, retrain, delete and reproduce."""
