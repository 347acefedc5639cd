"""Parsers: one file a format, all run in a worker process through `parsers.worker.parse`."""
