-- One row a document. Rows in STORING (an upload that is being moved into place) and DELETING are nobody's to see.
CREATE TABLE documents (
    document_id     uuid PRIMARY KEY,
    owner           text NOT NULL,
    name            text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('MATERIAL', 'DOCUMENT')),
    media_type      text NOT NULL,
    size_bytes      bigint NOT NULL CHECK (size_bytes > 0),
    sha256          text NOT NULL,
    state           text NOT NULL CHECK (
        state IN ('STORING', 'UPLOADED', 'QUEUED', 'PROCESSING', 'INDEXED', 'FAILED', 'DELETING')
    ),
    failure_reason  text,
    failure_message text,
    page_count      integer NOT NULL DEFAULT 0,
    text_length     integer NOT NULL DEFAULT 0,
    language        text NOT NULL DEFAULT '',
    title           text NOT NULL DEFAULT '',
    create_time     timestamptz NOT NULL,
    update_time     timestamptz NOT NULL,
    -- The process that is storing it.
    instance        uuid NOT NULL,
    -- Which of the document's index jobs is the current one.
    generation      integer NOT NULL DEFAULT 0,
    -- Workers that took the job up since something was last achieved.
    attempts        integer NOT NULL DEFAULT 0,
    -- Null until the file was parsed.
    chunk_total     integer,
    -- The first so many chunks are in the index, under vectors of embedding_model.
    indexed         integer NOT NULL DEFAULT 0,
    embedding_model text NOT NULL DEFAULT '',
    last_event      bigint NOT NULL DEFAULT 0
);

CREATE INDEX documents_by_owner ON documents (owner, create_time DESC, document_id DESC);
CREATE INDEX documents_by_sha256 ON documents (sha256);
CREATE INDEX documents_in_motion ON documents (state) WHERE state IN ('STORING', 'QUEUED', 'PROCESSING', 'DELETING');

CREATE TABLE chunks (
    document_id  uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    ordinal      integer NOT NULL,
    chunk_id     uuid NOT NULL,
    body         text NOT NULL,
    page         integer NOT NULL,
    starts_at    integer NOT NULL,
    ends_at      integer NOT NULL,
    heading_path text[] NOT NULL,
    PRIMARY KEY (document_id, ordinal)
);

CREATE TABLE events (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    number      bigint NOT NULL,
    time        timestamptz NOT NULL,
    what        jsonb NOT NULL,
    PRIMARY KEY (document_id, number)
);
