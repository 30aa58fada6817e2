"""The state of runs for front ends: status, live changes, alerts, history and load."""
