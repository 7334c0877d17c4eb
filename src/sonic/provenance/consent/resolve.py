"""A consent in whatever form a caller has it: the object, its file, or the id of one that this machine keeps."""

import os
from pathlib import Path

from sonic.errors import ConsentError
from sonic.provenance.consent import store
from sonic.provenance.consent.terms import Consent

ConsentInput = Consent | str | os.PathLike[str]


def consent_from(given: object) -> Consent:
    """The consent that is ``given`` as a Consent, the path of its file, or the beginning of its id.

    A text is a path if it has a suffix or a folder, or if such a file exists. Raises ConsentError.
    """
    if isinstance(given, Consent):
        return given
    if not isinstance(given, str | os.PathLike):
        raise ConsentError(f"consent is {given!r}; every video needs one: give a sonic.Consent, its file or its id")
    path = Path(given)
    if isinstance(given, os.PathLike) or path.suffix or len(path.parts) > 1 or os.path.exists(path):
        return Consent.from_file(path)
    return store.find(str(given))
