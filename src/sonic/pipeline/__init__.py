"""The order of the steps, and nothing else: checks before the work, the job, the marks, the only exit."""
