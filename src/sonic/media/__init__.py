"""Files of strangers: photos and recordings in, videos and pictures out. The content decides, never the name."""
