"""`python -m scrubber`."""

from scrubber.cli.main import main

main()
