"""Front ends: each parses, calls the pipeline, and shows what came of it."""
