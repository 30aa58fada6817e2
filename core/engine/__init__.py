"""What joins core and database and runs it in the background; all front ends call this."""
