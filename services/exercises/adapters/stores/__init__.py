"""Where exercises, runs, submissions and profiles are kept."""
