"""Taking a file in."""
