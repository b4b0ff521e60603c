"""Fuzzing: `python -m fuzz.run scrub` and `python -m fuzz.run tables` (needs the extra `campaigns`)."""
