"""What a recording says: features of its speech."""
