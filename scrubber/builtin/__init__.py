"""The rules that come with the machine: the structure of claims (X12) and what the engine reports (SCR)."""
