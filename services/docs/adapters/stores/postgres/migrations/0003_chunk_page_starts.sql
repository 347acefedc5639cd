-- Where the pages after a chunk's first begin within it, so that a quote from a later page names that page. Chunks that
-- were cut before stay on their first page until their document is parsed again.
ALTER TABLE chunks ADD COLUMN page_starts integer[] NOT NULL DEFAULT '{}';
