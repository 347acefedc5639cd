"""Adapters of the FileShelf port."""
