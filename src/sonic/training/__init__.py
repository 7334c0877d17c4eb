"""Training of the motion model (extra ``train``): prepare, hear, recogniser, motion, export, evaluate."""
