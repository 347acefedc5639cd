-- How much of a document is in the knowledge graph. QUEUED before the document is indexed means that its graph job follows.
ALTER TABLE documents
    ADD COLUMN graph_state text NOT NULL DEFAULT 'UNSPECIFIED' CHECK (
        graph_state IN ('UNSPECIFIED', 'QUEUED', 'BUILT', 'FAILED')
    ),
    -- The first so many chunks are in the graph.
    ADD COLUMN graphed integer NOT NULL DEFAULT 0,
    ADD COLUMN graph_failure_reason text,
    ADD COLUMN graph_failure_message text;

CREATE INDEX documents_without_graph ON documents (graph_state) WHERE graph_state = 'QUEUED';
