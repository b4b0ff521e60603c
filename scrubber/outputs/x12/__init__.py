"""X12 files: annotated and split 837P, 277CA and 999."""
