"""Cost model of epochs and simulated schedules of runs."""
