"""Where a video comes from and who allowed it: consent, visible label, metadata, and the record beside the video."""
