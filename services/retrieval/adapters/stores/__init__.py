"""Vector stores: each implements `ports.VectorStore` and passes `tests/contract/vector_store`."""
