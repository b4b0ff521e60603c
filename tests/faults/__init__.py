"""Hurts the real command at a chosen point and checks what is left.  `python -m tests.faults --runs 500`."""
