"""From an input to its report and files: survey, judgement, balance, publication; several inputs in a run."""
