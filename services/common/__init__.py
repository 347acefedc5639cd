"""What `tiku.common.v1` says, as values and as messages: services that share a message share its value."""
