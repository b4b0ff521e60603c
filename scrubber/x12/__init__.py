"""Any X12 interchange: its segments, envelopes and syntax errors.  Knows no claim."""
