"""What the exercises service decides, apart from any server, store or library."""
