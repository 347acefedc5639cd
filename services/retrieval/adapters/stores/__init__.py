"""Vector stores: each implements `ports.VectorStore` and passes `tests/contract/retrieval_vector_store`."""

from __future__ import annotations

from services.kit.qdrant_messages import without_client_library

# A package is run before its modules, which take Qdrant's messages.
without_client_library()
