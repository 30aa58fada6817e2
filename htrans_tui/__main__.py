"""`python -m htrans_tui` is `htrans-tui`."""

from htrans_tui.cli import main

main()
