"""Reports: findings and totals in the formats that people and programs read."""
