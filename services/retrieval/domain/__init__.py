"""What the retrieval service decides, apart from any server, store or library."""
