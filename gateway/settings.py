"""Configuration of the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import DirectoryPath, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """What the gateway is told. A field's variable is `TIKU_GATEWAY_` and its name in capitals, or its alias."""

    model_config = SettingsConfigDict(
        env_prefix="TIKU_GATEWAY_", extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    listen: str = Field("127.0.0.1:8080", description="Address to serve on, host:port; port 0 takes a free one.")
    llm_target: str = Field("127.0.0.1:50051", validation_alias="TIKU_LLM_TARGET")
    retrieval_target: str = Field("127.0.0.1:50052", validation_alias="TIKU_RETRIEVAL_TARGET")
    docs_target: str = Field("127.0.0.1:50053", validation_alias="TIKU_DOCS_TARGET")
    exercises_target: str = Field("127.0.0.1:50054", validation_alias="TIKU_EXERCISES_TARGET")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="TIKU_LOG_LEVEL")

    blockbuster: bool = Field(
        False, validation_alias="TIKU_BLOCKBUSTER", description="Raise on every blocking call in the event loop."
    )
    failpoints: DirectoryPath | None = Field(
        None,
        validation_alias="TIKU_FAILPOINTS",
        description="Folder in which tests arm failpoints (docs/reliability.md); unset for none.",
    )
    unary_timeout_seconds: float = Field(
        60.0, gt=0, le=3600, description="Time that a call gets whose client names none."
    )
    stream_timeout_seconds: float = Field(
        600.0, gt=0, le=3600, description="Time that a stream, upload or download gets whose client names none."
    )
    heartbeat_seconds: float = Field(15.0, gt=0, description="Silence after which a stream sends a comment.")
    drain_seconds: float = Field(10.0, ge=0, description="Time that requests in flight get after a stop.")
    max_in_flight: int = Field(2000, ge=1, description="Requests served at once; one more is asked to come back.")
    max_sending: int = Field(
        1000, ge=1, description="Requests at once whose bodies have been coming for longer than a second."
    )
    max_uploads: int = Field(
        800, ge=1, description="Files sent on to a service at once; fewer than the service's own TIKU_MAX_IN_FLIGHT."
    )
    max_connections: int = Field(
        8000, ge=1, description="Connections open at once; fewer where the process may not open as many files."
    )
    max_client_share: float = Field(
        0.75, gt=0, le=1, description="Part of each of these four that one client address may hold; 1 for all of it."
    )
    max_head_bytes: int = Field(
        64 * 1024, ge=8 * 1024, description="Largest request line with its headers; more is answered 431."
    )
    head_timeout_seconds: float = Field(
        10.0, gt=0, description="Time from a request's first byte, or from connecting, to the end of its headers."
    )
    keep_alive_seconds: float = Field(
        130.0,
        gt=0,
        description="Time after which a connection that has served a request and is asked no more is closed; longer "
        "than a load balancer in front keeps it, which would else send a request just when it is closed.",
    )
    body_stall_seconds: float = Field(
        10.0, gt=0, description="Time that a body may stand still, or lag behind min_body_bytes_per_second."
    )
    min_body_bytes_per_second: int = Field(500, ge=1, description="Rate that a body has to keep; less is answered 408.")
    send_stall_seconds: float = Field(
        60.0, gt=0, description="Time after which a client that reads nothing of its response is cut off."
    )
    max_json_bytes: int = Field(8 * 1024 * 1024, ge=1024, description="Largest JSON body.")
    max_message_bytes: int = Field(16 * 1024 * 1024, ge=64 * 1024, description="Largest gRPC message.")
    trust_user_header: bool = Field(
        False, description="Take the user from X-Tiku-User; only behind a proxy that sets it."
    )
    stack_file: Path | None = Field(
        None, description="State file of the `tiku up` that runs this gateway, for /readyz to say what is down."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may call this API, as a list in JSON or with commas."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names that Host may hold beside local ones, as a list in JSON or with commas: `name`, "
        "`name:port`, `*.domain`, or `*` for any.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, as a "
        "list in JSON or with commas.",
    )

    @field_validator("cors_origins", "allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """Read a list in JSON or with commas."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return [item.strip() for item in value.split(",") if item.strip()]

    def targets(self) -> dict[str, str]:
        """Return the address of each domain's service; a service whose address is empty is not there."""
        every = {
            "llm": self.llm_target,
            "retrieval": self.retrieval_target,
            "docs": self.docs_target,
            "exercises": self.exercises_target,
        }
        return {domain: target for domain, target in every.items() if target}
