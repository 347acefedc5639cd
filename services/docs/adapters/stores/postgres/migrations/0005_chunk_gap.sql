-- The white space between a chunk and the next one, over which a search joins neighbors into one slice of the text.
-- Chunks that were cut before are joined only where nothing stands between them, until their document is parsed again.
ALTER TABLE chunks ADD COLUMN gap text NOT NULL DEFAULT '';
