"""Status of runs for front ends: snapshots, live changes, alerts, history and load."""
