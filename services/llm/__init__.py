"""The gateway to language models: chat, embeddings and rerank."""
