"""Vector stores: each implements `ports.VectorStore` and passes `tests/contract/retrieval_vector_store`."""
