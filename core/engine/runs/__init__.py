"""What users ask of runs: start, steer, retrain, delete, reproduce."""
