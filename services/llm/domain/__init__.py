"""What the llm service decides, apart from any server, store or library."""
