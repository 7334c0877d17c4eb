"""Faces: detection, landmarks, framing, matte and quality of a photo, and the geometry they share."""
