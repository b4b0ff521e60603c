"""Hurts the real command at a chosen point and checks what is left.  `python -m tests.campaigns.faults --runs 500`."""
