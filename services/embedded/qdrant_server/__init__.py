"""Qdrant Edge behind Qdrant's own gRPC API, in a process of its own.

Edge is Qdrant's engine as a library. It holds the GIL while it works, and only one process may open a shard: hence a
process of its own. Stock Qdrant clients (`prefer_grpc=True`) talk to it. Every RPC and field that it does not serve is
answered with UNIMPLEMENTED and its name, so that no option is dropped in silence.

`python -m services.embedded.qdrant_server --data DIR --port PORT`
"""
