"""``python -m autodip_ij`` is the command ``autodip``."""

from autodip_ij.cli.app import main

main()
