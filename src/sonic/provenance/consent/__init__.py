"""Consent before anything is made: what it says (terms), where it is kept (store), whether it holds (check)."""

from sonic.provenance.consent.terms import BASES, Consent, Signature

__all__ = ["BASES", "Consent", "Signature"]
