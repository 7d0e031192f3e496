"""``python -m cli``: the same as the ``darkroom`` command."""

from cli.main import main

main(prog_name="darkroom")
