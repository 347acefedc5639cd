"""Making an exercise: material, requests to a model, drafts, checks."""
