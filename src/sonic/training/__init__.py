"""Training of the motion model (extra ``train``): prepare, encoder, motion, export, evaluate. Nothing else imports
it."""
