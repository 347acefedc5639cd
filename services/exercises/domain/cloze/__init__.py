"""Questions made without a model."""
