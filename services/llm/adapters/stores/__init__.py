"""Where spending is kept."""
