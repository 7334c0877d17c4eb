"""What all tests share: hypothesis draws the same examples every time, so that a red test is red for everybody."""

from hypothesis import settings

settings.register_profile("same-everywhere", derandomize=True)
settings.load_profile("same-everywhere")
