"""Configuration of the docs service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from services.kit.settings import ServiceSettings


class DocsSettings(ServiceSettings):
    """What the docs service is told; every variable begins with `TIKU_`."""

    listen: str = Field("127.0.0.1:50053", description="Address to serve on, host:port.")
    postgres_dsn: SecretStr = Field(
        SecretStr("postgresql://postgres@127.0.0.1:5432/postgres"), description="The database of rows and jobs."
    )
    postgres_connections: int = Field(8, ge=2, description="Connections for rows; jobs and locks have others.")
    migrate: bool = Field(True, description="Whether to bring the schema up to date before serving.")
    objects_path: Path = Field(Path(".tiku/objects"), description="Folder of the files where no bucket is configured.")
    s3_bucket: str = Field("", description="S3 bucket of the files; empty for the folder.")
    s3_endpoint: str = Field("", description="S3 server, http(s)://host:port; empty for AWS.")
    s3_region: str = "us-east-1"
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    llm_target: str = Field("127.0.0.1:50051", description="Address of the llm service.")
    retrieval_target: str = Field("127.0.0.1:50052", description="Address of the retrieval service.")
    embedding_model: str = Field("", description="Model that embeds; empty for the llm service's default.")

    max_upload_bytes: int = Field(512 * 1024 * 1024, ge=1, description="Largest file that is taken in.")
    parse_workers: int = Field(1, ge=1, description="Processes that read files.")
    parse_seconds: float = Field(120.0, gt=0, description="Longest that reading one file may take.")
    parse_memory_bytes: int = Field(
        2 * 1024**3, ge=128 * 1024**2, description="Most memory that reading one file may take."
    )
    index_jobs: int = Field(2, ge=2, description="Documents worked on at once by this process.")
    index_attempts: int = Field(8, ge=1, description="Tries without progress after which a document's job fails.")
    index_retry_seconds: float = Field(
        1.0, gt=0, description="Wait before the first retry; each further one takes twice as long, up to 30."
    )
    index_batch: int = Field(16, ge=1, le=1024, description="Chunks embedded and indexed in one call.")
    job_heartbeat_seconds: float = Field(
        15.0, gt=0, description="Silence after which a worker is taken for dead and its job given to another."
    )
    deletion_delay_seconds: float = Field(
        30.0,
        ge=0,
        description="Wait before what a deletion could not remove at once is tried again, and its vectors once more.",
    )
