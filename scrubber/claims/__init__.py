"""The 837P: from hierarchical levels to claims, encounters and patients."""
