"""The processes of an engine on this machine, and its devices."""
