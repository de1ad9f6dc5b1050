"""The figures of the pages: each with the command that gives it, and the day of its run."""
