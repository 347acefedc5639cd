"""Documents: from an uploaded file to indexed chunks."""
