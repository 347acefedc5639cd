-- What fills in the text of a failure, and what whoever uploaded the file should know of how it was read.
ALTER TABLE documents
    ADD COLUMN failure_details jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN graph_failure_details jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]';
