"""The graph's place in the contract: every call says by name that it is not served yet."""

from __future__ import annotations

from typing import NoReturn

from services.kit.errors import Unimplemented
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc


class GraphServicer(graph_pb2_grpc.GraphServiceServicer):
    """``tiku.retrieval.v1.GraphService`` without a graph engine."""

    async def Probe(self, request: graph_pb2.ProbeRequest, _: object) -> graph_pb2.ProbeResponse:
        """Not served yet."""
        _not_served("Probe")

    async def Extract(self, request: graph_pb2.ExtractRequest, _: object) -> graph_pb2.ExtractResponse:
        """Not served yet."""
        _not_served("Extract")

    async def Upsert(self, request: graph_pb2.UpsertRequest, _: object) -> graph_pb2.UpsertResponse:
        """Not served yet."""
        _not_served("Upsert")

    async def Query(self, request: graph_pb2.QueryRequest, _: object) -> graph_pb2.QueryResponse:
        """Not served yet."""
        _not_served("Query")

    async def Expand(self, request: graph_pb2.ExpandRequest, _: object) -> graph_pb2.ExpandResponse:
        """Not served yet."""
        _not_served("Expand")


def _not_served(method: str) -> NoReturn:
    raise Unimplemented(
        f"GraphService.{method} is not served by this version.", reason="NOT_IMPLEMENTED", metadata={"method": method}
    )
