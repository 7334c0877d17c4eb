"""What a recording says: mel features, loudness, pitch and pauses."""
