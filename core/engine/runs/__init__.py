"""Starting, steering and scheduling runs: what a request or an ended trial changes."""
