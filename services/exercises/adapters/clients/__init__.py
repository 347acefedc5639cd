"""Other services, as the domain's ports."""
