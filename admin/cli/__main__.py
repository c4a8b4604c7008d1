"""`python -m admin.cli`: the same as `moyai`, for processes that we start ourselves."""

from admin.cli import main

main(prog_name="moyai")
