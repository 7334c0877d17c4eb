"""Consent before anything is made: what it says (terms), where it is kept (store), whether it holds (check)."""

from sonic.provenance.consent.fields import Signature
from sonic.provenance.consent.terms import BASES, Consent

__all__ = ["BASES", "Consent", "Signature"]
