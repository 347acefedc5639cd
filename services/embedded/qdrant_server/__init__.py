"""Qdrant Edge behind Qdrant's own gRPC API, in a process of its own.

Edge is Qdrant's engine as a library: it holds the GIL while it works and one process alone may open a shard, hence
the process. Stock Qdrant clients (`prefer_grpc=True`) talk to it; what it does not serve it names with
UNIMPLEMENTED, fields included, so that no option is dropped in silence.

`python -m services.embedded.qdrant_server --data DIR --port PORT`
"""
