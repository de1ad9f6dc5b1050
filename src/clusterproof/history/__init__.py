"""History: every run of every cluster in one embedded store, and what can be read off it."""
