"""Judges claims by the installed packs, in this process or in others."""
