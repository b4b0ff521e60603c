"""Render findings: one module per output.  A writer is found by its entry point in `scrubber.writers`."""
