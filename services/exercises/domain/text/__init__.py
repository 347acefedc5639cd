"""Reading study material: sentences, quotes, enumerations, statements."""
