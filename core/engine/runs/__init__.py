"""User actions on runs: start, steer, retrain, delete, reproduce and estimate."""
