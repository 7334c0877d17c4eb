"""Reports: how good a photo, a motion and a video are, measured and drawn."""
