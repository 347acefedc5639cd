"""Taking in files."""
