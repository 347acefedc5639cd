"""Configuration of the retrieval service."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.kit.settings import ServiceSettings


class RetrievalSettings(ServiceSettings):
    """Settings of the retrieval service; the variable of a field is `TIKU_` and its name in capitals."""

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
    rerank_base_url: str = Field("", description="Where the llm service finds its reranker; set, it turns rerank on.")
    retrieval_leg_timeout_seconds: float = Field(10.0, gt=0, description="Most that one leg of a retrieval may take.")
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
    retrieval_rerank_timeout_seconds: float = Field(10.0, gt=0, description="Most that reranking may take.")
    retrieval_relevance_threshold: float | None = Field(
        None, description="Least relevance of a passage that may answer; by default the embedding model's own."
    )
    retrieval_answer_context_tokens: int = Field(
        4096, ge=1024, description="Tokens that question, passages and answer share: the chat model's context a slot."
    )
    retrieval_answer_max_tokens: int = Field(512, ge=16, description="Most tokens of an answer.")
    retrieval_answer_timeout_seconds: float = Field(300.0, gt=0, description="Most that writing an answer may take.")
