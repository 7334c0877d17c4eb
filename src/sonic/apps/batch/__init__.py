"""Many videos: a manifest of rows, all checked before the first starts, made by workers that stay warm, resumed."""
