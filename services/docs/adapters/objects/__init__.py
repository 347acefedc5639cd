"""Object stores: where files and normalized texts are kept."""
