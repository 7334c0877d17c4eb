"""What moves besides the lips: head, eyes, brows and breath, seeded and led by the voice."""
