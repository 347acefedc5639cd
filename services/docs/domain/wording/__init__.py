"""What people are told of their files: refusals, warnings and failures, each with what to do about it."""
