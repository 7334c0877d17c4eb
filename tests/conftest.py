"""What all tests share: hypothesis draws the same examples every time; Ctrl-C reaches what a test starts."""

import signal

from hypothesis import settings

settings.register_profile("same-everywhere", derandomize=True)
settings.load_profile("same-everywhere")

# Started in the background by a shell, we would ignore SIGINT, and so would every process that a test stops with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
