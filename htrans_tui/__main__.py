"""Entry point of `python -m htrans_tui`."""

from htrans_tui.cli import main

main()
