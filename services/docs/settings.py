"""Configuration of the docs service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from services.kit.settings import DatabaseSettings


class DocsSettings(DatabaseSettings):
    """Settings of the docs service; the variable of a field is `TIKU_` and its name in capitals."""

    listen: str = Field("127.0.0.1:50053", description="Address to serve on, host:port.")
    llm_target: str = Field("127.0.0.1:50051", description="Address of the llm service.")
    retrieval_target: str = Field("127.0.0.1:50052", description="Address of the retrieval service.")
    s3_bucket: str = Field("", description="S3 bucket of the files; empty for the folder.")
    s3_endpoint: str = Field("", description="S3 server, http(s)://host:port; empty for AWS.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_access_key_id: SecretStr | None = Field(None, description="S3 key id; empty for what AWS's own tools find.")
    s3_secret_access_key: SecretStr | None = Field(None, description="S3 secret; empty for what AWS's own tools find.")

    docs_objects_path: Path = Field(
        Path(".tiku/objects"), description="Folder of the files where no bucket is configured."
    )
    docs_disk_reserve_bytes: int = Field(
        64 * 1024**2, ge=0, description="Room that files leave alone on the volume of that folder."
    )
    docs_postgres_connections: int = Field(
        8, ge=2, description="Most connections for rows; jobs, locks and notifications have their own."
    )
    docs_embedding_model: str = Field("", description="Model that embeds chunks; empty for the llm service's default.")
    docs_max_upload_bytes: int = Field(512 * 1024**2, ge=1, description="Largest file that is taken in.")
    docs_parse_workers: int = Field(
        1, ge=1, description="Processes that parse large and slow files; short ones have two, and middling ones one."
    )
    docs_parse_seconds: float = Field(
        120.0, gt=0, description="Most processor time that parsing one file may take, whatever its size."
    )
    docs_parse_base_seconds: float = Field(
        10.0, gt=0, description="Processor time that parsing the smallest file may take."
    )
    docs_parse_megabyte_seconds: float = Field(
        20.0, ge=0, description="Processor time that each megabyte of a file adds to it."
    )
    docs_parse_memory_bytes: int = Field(
        2 * 1024**3,
        ge=128 * 1024**2,
        description="Most memory that parsing one file may take; a worker for short files has an eighth.",
    )
    docs_index_jobs: int = Field(
        20,
        ge=2,
        le=24,
        description="Jobs that this process runs at once; three fifths of them may take longer than 5 seconds.",
    )
    docs_index_attempts: int = Field(8, ge=1, description="Tries without progress after which a document's job fails.")
    docs_index_retry_seconds: float = Field(
        1.0, gt=0, description="Wait before the second try; each further wait is twice as long, up to 30 seconds."
    )
    docs_index_batch: int = Field(16, ge=1, le=1024, description="Chunks embedded and indexed in one call.")
    docs_graph_enabled: bool = Field(
        False, description="Whether every document is added to the knowledge graph; off, those for which it is asked."
    )
    docs_job_heartbeat_seconds: float = Field(
        15.0, gt=0, description="Silence after which a worker counts as dead and its job goes to another."
    )
    docs_deletion_delay_seconds: float = Field(
        30.0, ge=0, description="Wait before a deletion runs once more, for what it could not remove at once."
    )
