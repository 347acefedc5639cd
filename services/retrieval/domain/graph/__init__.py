"""The knowledge graph: what is found in passages, which names are one, and how passages are found by it."""
