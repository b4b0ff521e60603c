"""Rule tables whose rows are chosen by the date of service."""
