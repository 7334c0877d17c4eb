"""Pictures with Content Credentials, ours and of other tools."""

import io
import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from PIL import Image

from sonic.provenance.keys import Identity
from sonic.provenance.signer import identity


def use(monkeypatch: pytest.MonkeyPatch, certificate: Path, key: Path) -> Identity:
    monkeypatch.setenv("SONIC_SIGN_CERT", str(certificate))
    monkeypatch.setenv("SONIC_SIGN_KEY", str(key))
    return identity()


def signed_picture(kind: str, signer: Identity, **definition: Any) -> bytes:
    """A small picture with the Content Credentials of some other tool."""
    plain, made = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (64, 64), (9, 99, 9)).save(plain, kind)
    action = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    values = {
        "claim_generator_info": [{"name": "Other Tool", "version": "2.0"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    } | definition
    info = c2pa.C2paSignerInfo(
        signer.algorithm.lower(), signer.certificates_pem.encode(), signer.private_key_pem.encode(), None
    )
    quiet = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}
    with (
        c2pa.Context.from_dict(quiet) as context,
        c2pa.Signer.from_info(info) as by,
        c2pa.Builder(json.dumps(values), context) as builder,
    ):
        builder.sign(by, f"image/{kind}", io.BytesIO(plain.getvalue()), made)
    return made.getvalue()
