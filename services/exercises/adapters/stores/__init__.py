"""Where exercises, runs, submissions and profiles are stored."""
