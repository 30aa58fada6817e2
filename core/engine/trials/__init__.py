"""The state machine of trials, and training one trial from its claim to its outcome."""
