"""Training of the motion model (extra ``train``), step by step: prepare, hear, recogniser, motion, export, evaluate.
Nothing else imports it."""
