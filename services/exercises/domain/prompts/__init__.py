"""What models are asked: a module a task with the type of its answer, and its texts in `<language>/<name>.md`."""
