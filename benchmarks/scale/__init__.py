"""What retrieval costs while a library grows to 50,000 passages."""
