"""Content Credentials (C2PA): what a video claims, signing it, and reading it back."""
