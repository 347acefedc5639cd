"""`tiku eval`: how well passages are found, measured on question sets through the public API."""
