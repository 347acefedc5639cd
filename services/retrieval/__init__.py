"""The retrieval service: indexes chunks, finds them and answers from them with citations."""
