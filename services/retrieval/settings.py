"""Configuration of the retrieval service."""

from __future__ import annotations

import json
from typing import Annotated, Self

from pydantic import DirectoryPath, Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from services.kit.settings import ServiceSettings

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class RetrievalSettings(ServiceSettings):
    """Settings of the retrieval service; the variable of a field is `TIKU_` and its name in capitals."""

    # Compose files pass variables that nobody set as empty texts, which are neither numbers nor JSON.
    model_config = SettingsConfigDict(env_ignore_empty=True)

    listen: str = Field("127.0.0.1:50052", description="Address to serve on, host:port.")
    llm_target: str = Field("127.0.0.1:50051", description="Address of the llm service.")
    qdrant_url: str = Field(
        "http://127.0.0.1:6334",
        pattern=r"^https?://[^/:]+",
        description="Qdrant's gRPC address, http(s)://host:port; https for TLS.",
    )
    qdrant_api_key: SecretStr | None = Field(None, description="Key that Qdrant asks for; unset where it wants none.")
    qdrant_timeout_seconds: float = Field(30.0, gt=0, description="Most that one call to Qdrant may take.")
    neo4j_url: str = Field(
        "",
        pattern=r"^((bolt|neo4j)(\+s|\+ssc)?://[^/]+)?$",
        description="Address of the graph engine, bolt://host:port; empty for no graph.",
    )
    neo4j_user: str = Field("", description="Account at the graph engine; empty where it wants none.")
    neo4j_password: SecretStr = Field(SecretStr(""), description="Password of that account.")
    neo4j_database: str = Field("neo4j", description="Database at the graph engine that holds the graph.")
    neo4j_timeout_seconds: float = Field(
        20.0, gt=0, description="Most that one call to the graph engine may take, its start included."
    )
    neo4j_disk_path: DirectoryPath | None = Field(
        None, description="Folder on this machine where the engine keeps the graph; unset for an engine elsewhere."
    )
    neo4j_disk_reserve_bytes: int = Field(
        64 * 1024**2, ge=0, description="Room that the graph leaves alone on the volume of that folder."
    )
    bailian_workspace_id: str = Field(
        "", description="Workspace of Alibaba Cloud Model Studio whose knowledge bases are asked as well."
    )
    bailian_indexes: Annotated[dict[_Name, _Name], NoDecode] = Field(
        {}, description="Those knowledge bases: a JSON object of the name that each is cited by, and its id."
    )
    bailian_access_key_id: str = Field("", description="Access key of an account that may retrieve there.")
    bailian_access_key_secret: SecretStr = Field(SecretStr(""), description="Secret of that access key.")
    bailian_endpoint: str = Field(
        "https://bailian.cn-beijing.aliyuncs.com",
        pattern=r"^(https://[^/?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?$",
        description="Address of the workspace's region; https, unless it is on this machine.",
    )
    bailian_timeout_seconds: float = Field(8.0, gt=0, description="Most that one call to a knowledge base may take.")
    bailian_top_k: int = Field(5, ge=1, le=20, description="Most passages that one knowledge base gives.")
    bailian_rerank_enabled: bool = Field(True, description="Whether the knowledge base reranks what it found.")
    bailian_rerank_min_score: float | None = Field(
        None,
        ge=0.01,
        le=1,
        description="Least score of a reranked passage; by default the knowledge base's own.",
    )
    rerank_base_url: str = Field("", description="Where the llm service finds its reranker; set, it turns rerank on.")
    retrieval_leg_timeout_seconds: float = Field(10.0, gt=0, description="Most that one leg of a retrieval may take.")
    retrieval_translation_enabled: bool = Field(
        True,
        description="Look for a question's words in passages in another language as well, by a dictionary; the first"
        " question for which there are such passages reads it, some seconds and 50 MB.",
    )
    retrieval_graph_leg_enabled: bool = Field(
        False, description="Search the graph as well; it found too little more to be on by default (docs/quality.md)."
    )
    retrieval_graph_timeout_seconds: float = Field(
        120.0, gt=0, description="Most that finding the names of one batch of chunks may take."
    )
    retrieval_extraction_timeout_seconds: float = Field(
        120.0, gt=0, description="Most that one model's extraction from a text may take."
    )
    retrieval_extraction_grace_seconds: float = Field(
        2.0, ge=0, description="How long the first valid extraction waits for a better one of another provider."
    )
    retrieval_extraction_max_tokens: int = Field(2000, ge=64, description="Most tokens of an extraction.")
    retrieval_rerank_enabled: bool = Field(False, description="Rerank hits; also on with TIKU_RERANK_BASE_URL.")
    retrieval_rerank_candidates: int | None = Field(
        None,
        ge=1,
        le=200,
        description="Most hits that are reranked, the others follow; by default four times as many as are asked for.",
    )
    retrieval_rerank_timeout_seconds: float = Field(10.0, gt=0, description="Most that reranking may take.")
    retrieval_relevance_threshold: float | None = Field(
        None, description="Least relevance of a passage that may answer; by default the embedding model's own."
    )
    retrieval_answer_context_tokens: int = Field(
        4096, ge=1024, description="Tokens that question, passages and answer share: the chat model's context a slot."
    )
    retrieval_answer_max_tokens: int = Field(512, ge=16, description="Most tokens of an answer.")
    retrieval_answer_timeout_seconds: float = Field(300.0, gt=0, description="Most that writing an answer may take.")
    retrieval_answer_judged: bool = Field(
        False,
        description="Have the chat model judge whether what it answered from holds an answer; needs the llm service's"
        " TIKU_RERANK_ADAPTER=yes_no.",
    )
    retrieval_answer_warm_up: bool = Field(
        False,
        description="Have the chat model read at the start what every answer begins with: for one that keeps it.",
    )

    @field_validator("bailian_indexes", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        """Read JSON here: what is none is told as every value that is not allowed, under its variable's name."""
        return json.loads(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        bailian = {
            "TIKU_BAILIAN_WORKSPACE_ID": self.bailian_workspace_id,
            "TIKU_BAILIAN_INDEXES": self.bailian_indexes,
            "TIKU_BAILIAN_ACCESS_KEY_ID": self.bailian_access_key_id,
            "TIKU_BAILIAN_ACCESS_KEY_SECRET": self.bailian_access_key_secret.get_secret_value(),
        }
        given = [name for name, value in bailian.items() if value]
        missing = [name for name, value in bailian.items() if not value]
        if given and missing:
            raise ValueError(f"{given[0]} needs {', '.join(missing)} beside it")
        return self
