"""Engine ``light``: our own small weights on a CPU, motion from speech rendered by warping the photo."""
