"""Lips from speech: a diffusion model over mouth motion."""
