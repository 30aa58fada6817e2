"""The command line and the terminal app of htrans-tui."""
