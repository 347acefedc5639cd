"""The whole of Tiku on one machine: how it starts, is watched and ends."""
