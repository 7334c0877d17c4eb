"""Untrusted media files in, videos and pictures out. The content decides, never the name."""
