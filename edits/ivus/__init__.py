"""Intravascular ultrasound of noncoronary vessels (37252, 37253): its edits, rows and pages."""
