"""The stages around calls."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from services.kit.interceptors import Stage, StagedHandlers
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


class Prepared(Stage):
    """Keeps what it was made ready for."""

    def __init__(self) -> None:
        self.kinds: list[type[Message]] = []

    def prepare(self, empty: Message) -> None:
        assert not empty.ListFields()
        self.kinds.append(type(empty))


def test_stages_are_made_ready_for_every_kind_of_request_before_the_first_call() -> None:
    stage = Prepared()
    handlers: Any = StagedHandlers([stage])
    llm_pb2_grpc.add_LlmServiceServicer_to_server(llm_pb2_grpc.LlmServiceServicer(), handlers)
    service = llm_pb2.DESCRIPTOR.services_by_name["LlmService"]
    wanted = {method.input_type.name for method in service.methods}
    assert {kind.DESCRIPTOR.name for kind in stage.kinds} == wanted
    assert len(stage.kinds) == len(wanted)
