"""The fonts of captions: subsets of Noto Sans, one for each group of scripts, small enough to ship."""
