"""The key is made once, kept from others, survives renewal; a certificate that cannot sign is refused in one line."""

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certificate_files import own_files
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from sonic.errors import OutputError, SettingError, SonicError
from sonic.provenance import audit, certificates, keys
from sonic.provenance.keys import fingerprint_of, signed_by
from sonic.provenance.signer import identity, our_fingerprints

IN_A_NEW_HOME = ["audit.head", "audit.jsonl", "audit.lock", "keys"]


def use(monkeypatch: pytest.MonkeyPatch, certificate: Path, key: Path) -> None:
    monkeypatch.setenv("SONIC_SIGN_CERT", str(certificate))
    monkeypatch.setenv("SONIC_SIGN_KEY", str(key))


def test_the_key_is_made_once(home: Path) -> None:
    first, second = identity(), identity()
    assert first == second
    assert (first.kind, first.algorithm, first.timestamp_url) == ("local", "ES256", None)
    assert our_fingerprints() == {first.fingerprint}
    assert sorted(p.name for p in home.iterdir()) == IN_A_NEW_HOME


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of Unix")
def test_nobody_else_can_read_it(home: Path) -> None:
    old = os.umask(0)
    try:
        identity()
    finally:
        os.umask(old)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (home / "keys").iterdir()}
    assert modes == {"ca.key": 0o600, "leaf.key": 0o600, "chain.pem": 0o600}
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700


def test_it_is_never_shown(home: Path) -> None:
    assert "PRIVATE" not in repr(identity())


def test_the_certificates_are_what_c2pa_asks_for(home: Path) -> None:
    leaf, authority = x509.load_pem_x509_certificates(identity().certificates_pem.encode())
    leaf.verify_directly_issued_by(authority)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and usage.content_commitment and not usage.key_cert_sign
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(purposes.value) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert named == authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert leaf.not_valid_after_utc - datetime.now(UTC) > timedelta(days=9 * 365)


def test_it_holds_no_name_of_the_user_or_the_machine(home: Path) -> None:
    leaf, _ = x509.load_pem_x509_certificates(identity().certificates_pem.encode())
    assert leaf.subject.rfc4514_string() == (
        f"CN=Sonic local signer {identity().fingerprint[:16]},O=Sonic local key (self-made\\, identity not verified)"
    )


@given(data=st.binary(max_size=200), place=st.integers(min_value=0))
def test_a_signature_holds_for_its_data_alone(data: bytes, place: int) -> None:
    who = identity()
    signature = who.sign(data)
    assert signed_by(data, signature, who.public_key_pem)
    assert not signed_by(data + b".", signature, who.public_key_pem)
    i = place % len(signature)
    other = signature[:i] + ("A" if signature[i] != "A" else "B") + signature[i + 1 :]
    # The last characters of base64 can hold bits that stand for nothing.
    assert i >= len(signature) - 4 or not signed_by(data, other, who.public_key_pem)


@pytest.mark.parametrize("signature", ["", "=", "äöü", "AAAA", "A" * 96, "x" * 100_000])
def test_anything_else_is_no_signature(signature: str) -> None:
    assert not signed_by(b"data", signature, identity().public_key_pem)


@pytest.mark.parametrize("key", ["", "no key", "ключ", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_anything_else_is_no_key(key: str) -> None:
    assert not signed_by(b"data", identity().sign(b"data"), key)


def test_renewal_keeps_the_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LEAF_YEARS", 4)
    old = identity()
    monkeypatch.undo()
    monkeypatch.setenv("SONIC_HOME", str(home))
    new = identity()
    assert new.fingerprint == old.fingerprint
    assert new.certificates_pem != old.certificates_pem
    assert identity() == new
    assert signed_by(b"data", old.sign(b"data"), new.public_key_pem)


def test_two_processes_at_once_have_one_key(home: Path) -> None:
    command = [sys.executable, "-c", "from sonic.provenance.signer import identity; print(identity().fingerprint)"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate(timeout=60)[0].strip() for process in running}
    assert printed == {identity().fingerprint}
    assert sorted(p.name for p in home.iterdir()) == IN_A_NEW_HOME


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_kill_while_the_key_is_made_leaves_no_half_key_and_no_false_alarm(home: Path) -> None:
    killed = "import os; from pathlib import Path; Path.rename = lambda *names: os._exit(9)\n"
    for _ in range(2):
        process = subprocess.run(
            [sys.executable, "-c", killed + "from sonic.provenance.signer import identity; identity()"]
        )
        assert process.returncode == 9 and not (home / "keys").exists()
    identity()
    assert sorted(p.name for p in home.iterdir()) == IN_A_NEW_HOME
    audit.append("consent", {})
    assert audit.verify().problems == ()


@pytest.mark.parametrize("name", ["ca.key", "leaf.key", "chain.pem"])
@pytest.mark.parametrize("data", [None, b"", b"\xff" * 100, "another"])
def test_a_damaged_key_is_one_line(home: Path, tmp_path: Path, name: str, data: Any) -> None:
    identity()
    path = home / "keys" / name
    if data is None:
        path.unlink()
    elif data == "another":
        certificate, key = own_files(tmp_path / "other")
        path.write_bytes((certificate if name == "chain.pem" else key).read_bytes())
    else:
        path.write_bytes(data)
    with pytest.raises(SettingError, match="restore the folder, or move it away") as caught:
        identity()
    assert "\n" not in str(caught.value)


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    for folder in [tmp_path / "file" / "home"] + [locked / "home"] * (not os.access(locked, os.W_OK)):
        monkeypatch.setenv("SONIC_HOME", str(folder))
        with pytest.raises(OutputError, match="set SONIC_HOME to a folder that can be written"):
            identity()
        assert our_fingerprints() == frozenset()


def test_a_relative_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIC_HOME", "keys")
    with pytest.raises(SettingError, match="absolute path"):
        keys.home()


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="these variables are those of other systems")
@pytest.mark.parametrize(
    ("shared", "wanted"),
    [(None, "/u/.local/share/sonic"), ("/data", "/data/sonic"), ("data", "/u/.local/share/sonic")],
)
def test_the_home_is_where_the_platform_keeps_data(
    monkeypatch: pytest.MonkeyPatch, shared: str | None, wanted: str
) -> None:
    monkeypatch.delenv("SONIC_HOME")
    monkeypatch.setenv("HOME", "/u")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if shared:
        monkeypatch.setenv("XDG_DATA_HOME", shared)
    assert keys.home() == Path(wanted), "a relative XDG_DATA_HOME is ignored, as its specification says"


MAKE_KEY = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ED25519": ed25519.Ed25519PrivateKey.generate,
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("algorithm", MAKE_KEY)
def test_an_own_certificate_signs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    use(monkeypatch, *own_files(tmp_path / "own", key=MAKE_KEY[algorithm]()))
    who = identity()
    assert (who.kind, who.name, who.algorithm) == ("own", "Example Studio", algorithm)
    assert signed_by(b"data", who.sign(b"data"), who.public_key_pem)
    assert not signed_by(b"date", who.sign(b"data"), who.public_key_pem)
    assert our_fingerprints() == {who.fingerprint} == {fingerprint_of(who.public_key_pem)}
    assert not home.exists(), "no local key where none is needed"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_days": -1}, r"expired on \d{4}-\d\d-\d\d; renew it"),
        ({"starts_days": 3}, "is valid from .* check the clock"),
        ({"purpose": None}, "lacks an extended key usage"),
        ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "it needs emailProtection"),
        ({"password": b"secret"}, "is encrypted; write it with openssl pkey"),
        ({"key": ec.generate_private_key(ec.SECP256K1())}, "use EC P-256"),
    ],
)
def test_a_certificate_that_cannot_sign_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    use(monkeypatch, *own_files(tmp_path / "own", **changes))
    with pytest.raises(SettingError, match=words) as caught:
        identity()
    assert "\n" not in str(caught.value)
    assert not home.exists()


def test_a_certificate_of_another_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, own_files(tmp_path / "a")[0], own_files(tmp_path / "b")[1])
    with pytest.raises(SettingError, match="is for another key"):
        identity()


@pytest.mark.parametrize("data", [b"", b"\x00" * 1000, b"-----BEGIN CERTIFICATE-----\nAAAA\n", "swapped", "absent"])
def test_files_that_are_neither_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Any) -> None:
    certificate, key = own_files(tmp_path / "own")
    if isinstance(data, bytes):
        for path in (certificate, key):
            kept = path.read_bytes()
            path.write_bytes(data)
            use(monkeypatch, certificate, key)
            with pytest.raises(SettingError, match="PEM"):
                identity()
            path.write_bytes(kept)
        return
    use(monkeypatch, *((key, certificate) if data == "swapped" else (tmp_path / "no.pem", key)))
    with pytest.raises(SettingError, match="PEM"):
        identity()


def test_half_a_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, _ = own_files(tmp_path / "own")
    monkeypatch.setenv("SONIC_SIGN_CERT", str(certificate))
    with pytest.raises(SettingError, match="set both, or neither"):
        identity()


@pytest.mark.parametrize("url", ["tsa.example", "file:///etc/passwd", "http://", "ftp://tsa.example", "http://[::"])
def test_an_address_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SONIC_TIMESTAMP_URL", url)
    with pytest.raises(SonicError, match="SONIC_TIMESTAMP_URL"):
        identity()


def test_a_time_stamping_authority_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIC_TIMESTAMP_URL", "http://tsa.example/tsr")
    assert identity().timestamp_url == "http://tsa.example/tsr"
