"""What front ends show of runs: status, alerts, history, the machine's load."""
