"""What is said to a chat model: the texts of a task stand in one module."""
