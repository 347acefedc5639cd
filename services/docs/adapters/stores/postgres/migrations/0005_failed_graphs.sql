-- A document that could not be indexed has no graph job that would ever follow.
UPDATE documents
SET graph_state = 'FAILED', graph_failure_reason = failure_reason, graph_failure_message = failure_message
WHERE state = 'FAILED' AND graph_state = 'QUEUED';
