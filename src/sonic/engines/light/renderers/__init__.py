"""Renderers of engine ``light``: each turns Motion into frames."""
