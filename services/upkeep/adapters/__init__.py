"""The stores that are backed up as a whole, without knowing what is in them."""
