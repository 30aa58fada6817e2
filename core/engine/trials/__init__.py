"""The state machine of trials, and the work on a trial from claim to outcome."""
