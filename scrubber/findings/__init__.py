"""The vocabulary of what is reported: findings, the rules they come from, the reports over claims and files."""
