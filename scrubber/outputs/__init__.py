"""What is written of an input: reports and X12 files."""
