"""Outside knowledge bases."""
