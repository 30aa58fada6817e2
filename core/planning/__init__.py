"""What a run will cost: seconds of a trial, the schedule of all, plans for any size."""
