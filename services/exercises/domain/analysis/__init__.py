"""What a material teaches."""
