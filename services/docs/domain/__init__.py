"""What the docs service decides, apart from any server, store or library."""
