"""Measure the scrubber against other readers of 837 files."""
