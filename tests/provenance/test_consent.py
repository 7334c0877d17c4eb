"""Nobody is animated without recorded grounds, and the grounds fit this photo, today, and what is made of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sonic.errors import ConsentError, OutputError
from sonic.provenance import audit
from sonic.provenance.consent import BASES, Consent, Signature, revocation, store
from sonic.provenance.consent.check import PROBLEMS, authorise, problems, scope_message
from sonic.provenance.policy import Policy
from sonic.provenance.signer import identity
from sonic.types import Photo

TODAY = date(2026, 5, 31)
PHOTO = Photo(np.zeros((8, 8, 3), np.uint8), "ab" * 32, "ada.png")


def consent(**changes: Any) -> Consent:
    return Consent(**({"subject": "Ada Example", "basis": "self", "given_on": date(2026, 5, 1)} | changes))


def test_only_a_picture_of_nobody_needs_no_subject() -> None:
    assert Consent(basis="synthetic", given_on=TODAY).subject == "nobody who exists"
    assert Consent(basis="synthetic", given_on=TODAY, subject="Mira").subject == "Mira"
    for basis in BASES.keys() - {"synthetic"}:
        with pytest.raises(ConsentError, match="name the person"):
            Consent(basis=basis, given_on=TODAY, evidence="form 17")


def test_the_basis_has_no_default_and_the_day_is_today() -> None:
    with pytest.raises(TypeError, match="basis"):
        Consent(subject="Ada")  # type: ignore[call-arg]
    assert Consent(subject="Ada", basis="self").given_on == date.today()


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_is_accepted_with_evidence(basis: str) -> None:
    assert consent(basis=basis, evidence="release form 17").bound_to(PHOTO, TODAY).photo_sha256 == PHOTO.sha256


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": "  "}, r'--subject "'),
        ({"subject": "Ada\nExample"}, "one line"),
        ({"subject": "A" * 501}, "500"),
        ({"basis": "yes"}, "self, written, licensed, synthetic"),
        ({"basis": "written"}, "--evidence"),
        ({"basis": "licensed", "evidence": "  "}, "--evidence"),
        ({"photo_sha256": "xyz"}, "64 hexadecimal"),
        ({"expires_on": date(2026, 4, 1)}, "before it was given"),
        ({"languages": ()}, "1 to 50"),
        ({"languages": "en"}, "must be a list"),
        ({"languages": ("english please",)}, "BCP 47"),
        ({"purposes": ("",)}, "1 to 60"),
        ({"purposes": ("a\nb",)}, "one line"),
        ({"purposes": ("x",) * 51}, "1 to 50"),
        ({"evidence_name": "scan.pdf"}, "go together"),
        ({"evidence_name": "../scan.pdf", "evidence_sha256": "ab" * 32}, "without folders"),
        ({"evidence_name": "..\\scan.pdf", "evidence_sha256": "ab" * 32}, "without folders"),
        ({"given_on": "2026-05-01"}, "date\\(2026"),
        ({"photo_likeness": "1.0:????"}, "photo_likeness"),
        ({"photo_likeness": "nan:AAAA"}, "photo_likeness"),
        ({"signature": "me"}, "Signature"),
    ],
)
def test_impossible_consents_are_refused_in_one_line_with_the_remedy(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConsentError, match=words) as caught:
        consent(**changes)
    assert "\n" not in str(caught.value)


def test_it_holds_on_its_last_day_and_not_after() -> None:
    ending = consent(expires_on=TODAY)
    assert ending.bound_to(PHOTO, TODAY).expires_on == TODAY
    with pytest.raises(ConsentError, match="expired on 2026-05-31"):
        ending.bound_to(PHOTO, date(2026, 6, 1))


def test_it_does_not_hold_before_it_is_given() -> None:
    with pytest.raises(ConsentError, match="after today"):
        consent().bound_to(PHOTO, date(2026, 4, 30))


def test_it_holds_for_its_own_photo_only() -> None:
    assert consent(photo_sha256=PHOTO.sha256).bound_to(PHOTO, TODAY).photo_sha256 == PHOTO.sha256
    with pytest.raises(ConsentError, match=r"cdcdcdcdcdcd\.\.\., but 'ada\.png' has abababababab"):
        consent(photo_sha256="cd" * 32).bound_to(PHOTO, TODAY)


def signed(**changes: Any) -> Consent:
    given = consent(**changes)
    return given.bound_to(PHOTO, given.given_on).signed(identity())


def kinds(given: Consent, **rest: Any) -> list[str]:
    found = problems(given, **({"policy": Policy(), "photo": PHOTO, "today": TODAY} | rest))
    assert all("\n" not in p.message and p.kind in PROBLEMS for p in found)
    return [p.kind for p in found]


def picture(seed: int) -> Photo:
    """Some coarse structure: nothing that looks like the picture of another seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return Photo(np.kron(coarse, np.ones((16, 16, 1), np.uint8)), f"{seed:02x}" * 32, f"{seed}.png")


def test_a_file_gives_back_what_was_signed(tmp_path: Path) -> None:
    given = signed(
        subject="阿达 Ἀδα", basis="written", evidence="scan.pdf", expires_on=date(2027, 1, 1),
        languages=("en", "pt-BR"), purposes=("education",), confirmed_at="2026-05-01T10:00:00Z",
    )  # fmt: skip
    given.save(tmp_path / "consent.json")
    again = Consent.from_file(tmp_path / "consent.json")
    assert again == given and again.id == given.id and again.is_signed()
    assert kinds(again) == []


def test_an_unsigned_consent_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="sonic consent new"):
        consent().save(tmp_path / "consent.json")
    with pytest.raises(ConsentError, match="bind it first"):
        consent().signed(identity())


def test_the_id_is_of_what_is_said_and_not_of_the_signature() -> None:
    one, again = signed(), signed()
    assert one.id == again.id and one.signature != again.signature
    assert one.id != signed(purposes=("education",)).id


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Eve Example"},
        {"basis": "synthetic"},
        {"given_on": date(2026, 4, 1)},
        {"expires_on": date(2036, 4, 1)},
        {"languages": ("fr",)},
        {"purposes": ("advertising",)},
        {"evidence": "none"},
        {"photo_sha256": "00" * 32},
        {"confirmed_at": "2026-05-01T10:00:00Z"},
    ],
)
def test_whoever_changes_a_word_breaks_the_signature(changes: dict[str, Any]) -> None:
    assert "signature broken" in kinds(replace(signed(languages=("en",), purposes=("education",)), **changes))


@pytest.mark.parametrize("break_", [str.upper, lambda text: "", lambda text: "é", lambda text: text[:-9]])
@pytest.mark.parametrize("part", ["public_key", "value"])
def test_a_damaged_signature_is_broken_not_a_crash(part: str, break_: Callable[[str], str]) -> None:
    good = signed()
    parts = {"public_key": good.signature.public_key, "value": good.signature.value}  # type: ignore[union-attr]
    parts[part] = break_(parts[part])
    if parts[part].isascii():
        assert kinds(replace(good, signature=Signature(**parts)))[0] in ("signature broken", "signed by another key")
        return
    with pytest.raises(ConsentError, match="ASCII"):
        replace(good, signature=Signature(**parts))


def test_another_key_counts_only_where_the_policy_trusts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = signed()
    monkeypatch.setenv("SONIC_HOME", str(tmp_path / "other"))
    assert kinds(ours) == ["signed by another key"]
    assert kinds(ours, policy=Policy(trusted_keys=(str(ours.signer()),))) == []


def test_check_names_every_reason_the_gravest_first(home: Path) -> None:
    given = signed(expires_on=date(2026, 5, 2))
    revocation.revoke(given)
    changed = kinds(given, photo=picture(3), policy=Policy(bases=("written",)))
    assert changed == ["revoked", "expired", "not matching", "against policy"]
    other = signed(subject="Bob Example")
    assert kinds(other, today=date(2026, 4, 1)) == ["not given yet"]


def test_copies_of_the_photo_are_known_and_other_photos_are_not() -> None:
    photo = picture(1)
    given = consent().bound_to(photo, TODAY).signed(identity())
    copy = Photo(np.ascontiguousarray(photo.rgb[::2, ::2]), "cd" * 32, "smaller.jpg")
    assert kinds(given, photo=copy) == []
    assert given.bound_to(copy, TODAY) is given
    for other in (picture(2), Photo(photo.rgb[:, ::-1].copy(), "ef" * 32, "mirrored.png")):
        assert kinds(given, photo=other) == ["not matching"]


@pytest.mark.parametrize(
    ("language", "purpose", "words"),
    [
        ("en", "education", ""),
        ("EN-gb", " Education ", ""),
        ("pt-BR", "education", ""),
        (None, "education", "say what this video is: --language en"),
        ("en", None, "say what this video is: --purpose education"),
        ("pt", "education", "not pt"),
        ("eng", "education", "not eng"),
        ("en", "advertising", "not advertising"),
    ],
)
def test_a_limited_consent_asks_what_is_made(language: str | None, purpose: str | None, words: str) -> None:
    message = scope_message(signed(languages=("en", "pt-BR"), purposes=("education",)), language, purpose)
    assert (message is None) if not words else (words in str(message))


def test_an_unlimited_consent_asks_nothing() -> None:
    assert scope_message(signed(), None, None) is scope_message(signed(), "tlh", "opera") is None


def test_what_a_program_states_is_bound_signed_and_kept(home: Path) -> None:
    stated = consent()
    used = authorise(stated, PHOTO, language=None, purpose=None, policy=Policy(), signer=identity())
    assert used.photo_sha256 == PHOTO.sha256 and used.is_signed()
    assert [c.id for c in store.kept()] == [used.id]
    assert authorise(stated, PHOTO, language=None, purpose=None, policy=Policy(), signer=identity()) == used
    assert [e.kind for e in audit.entries()] == ["consent"], "the same words for the same photo are one consent"
    assert "Ada" not in (home / "audit.jsonl").read_text()


def test_a_revocation_is_final_for_the_file_and_for_the_same_words(home: Path) -> None:
    stated = consent()
    used = authorise(stated, PHOTO, language=None, purpose=None, policy=Policy(), signer=identity())
    at = revocation.revoke(used)
    assert revocation.revoke(used) == at
    for given in (used, stated):
        with pytest.raises(ConsentError, match=r"revoked .*on .* final"):
            authorise(given, PHOTO, language=None, purpose=None, policy=Policy(), signer=identity())
    later = replace(stated, given_on=date.today(), confirmed_at="2099-05-31T10:00:00Z")
    assert authorise(later, PHOTO, language=None, purpose=None, policy=Policy(), signer=identity()).id != used.id
    assert [e.kind for e in audit.entries()] == ["consent", "revocation", "consent"]


@pytest.mark.parametrize("damage", [b"", b"[]", b"[" * 9999, b'{"revoked_at": 3}', b"\xff"])
def test_a_damaged_revocation_still_counts(home: Path, damage: bytes) -> None:
    given = signed()
    revocation.revoke(given)
    (home / "consents" / f"{given.id}.revoked.json").write_bytes(damage)
    assert kinds(given) == ["revoked"]


@pytest.mark.parametrize(("language", "purpose"), [("english please", None), ("", None), (None, "a\nb"), (None, " ")])
def test_what_is_stated_must_be_a_language_and_a_purpose(language: str | None, purpose: str | None) -> None:
    with pytest.raises(ConsentError, match=r"language|purpose"):
        authorise(signed(), PHOTO, language=language, purpose=purpose, policy=Policy(), signer=identity())


def test_an_expired_or_foreign_consent_is_refused_and_not_kept(home: Path) -> None:
    expired = signed(given_on=date.today() - timedelta(days=9), expires_on=date.today() - timedelta(days=1))
    for given in (expired, consent(photo_sha256="cd" * 32)):
        with pytest.raises(ConsentError, match=r"expired|obtain consent"):
            authorise(given, PHOTO, language=None, purpose=None, policy=Policy(), signer=identity())
    assert not list(store.kept())


def test_the_evidence_file_is_checked_where_it_lies_beside(tmp_path: Path) -> None:
    proof = tmp_path / "scan.pdf"
    proof.write_bytes(b"signed by Ada")
    sha256 = "7d3d2d9a4b8d7e94f8a0b5dd0c7f9d7c64ab0a3e0fd1b0f5ae5f2e2b9b3c7b11"
    wrong = signed(basis="written", evidence_name="scan.pdf", evidence_sha256=sha256)
    wrong.save(tmp_path / "consent.json")
    with pytest.raises(ConsentError, match="put the original back"):
        Consent.from_file(tmp_path / "consent.json")
    proof.unlink()
    assert Consent.from_file(tmp_path / "consent.json") == wrong


def test_an_id_is_found_by_its_beginning(home: Path) -> None:
    given = signed()
    store.keep(given)
    assert store.find(given.id[:8]) == given
    for wrong in ("", "12345", "zzzzzz", "../../", "0" * 64, given.id + "0"):
        with pytest.raises(ConsentError):
            store.find(wrong)


def test_consents_that_cannot_be_kept_are_an_error_in_one_line(home: Path) -> None:
    home.mkdir()
    (home / "consents").write_text("in the way")
    with pytest.raises(OutputError, match="SONIC_HOME") as caught:
        store.keep(signed())
    assert "\n" not in str(caught.value)


def values(**changes: Any) -> str:
    return json.dumps(signed().to_dict() | changes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("self", "not JSON"),
        ("[" * 50_000, "not JSON"),
        ('"self"', "JSON object"),
        ('{"subject": "Ada", "basis": "self", "given_on": "2026-05-01"}', "not signed.*sonic consent new"),
        (lambda: values(consent="sonic-consent/9"), "another format"),
        (lambda: values(subject=None), "must be a text"),
        (lambda: values(subject=3), "must be a text"),
        (lambda: values(given_on="May"), "2026-05-31"),
        (lambda: values(given_on=20260501), "2026-05-31"),
        (lambda: values(expires_on=[]), "2026-05-31"),
        (lambda: values(until="2027"), "unknown fields until"),
        (lambda: values(signature=[1]), "public_key and value"),
        (lambda: values(signature={"public_key": 1, "value": 2}), "ASCII"),
        (lambda: values(signature={"public_key": "x" * 9000, "value": ""}), "8192"),
        (lambda: values(languages="any"), "list"),
        (lambda: values(languages=[["en"]]), "BCP 47"),
        (lambda: values(purposes={"a": 1}), "list"),
        (lambda: values(photo_likeness="x"), "photo_likeness"),
        (lambda: values(photo_sha256=7), "64 hexadecimal"),
        (lambda: values(basis="yes"), "not a basis"),
        (" " * 70_000, "larger than"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str | Callable[[], str], words: str) -> None:
    path = tmp_path / "consent.json"
    path.write_text(text if isinstance(text, str) else text())
    with pytest.raises(ConsentError, match=words) as caught:
        Consent.from_file(path)
    assert "\n" not in str(caught.value)


def test_a_missing_line_is_named(tmp_path: Path) -> None:
    lacking = signed().to_dict()
    del lacking["purposes"]
    with pytest.raises(ConsentError, match="lacks purposes"):
        Consent.from_dict(lacking)


def test_a_missing_file_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="give self, written, licensed, synthetic, or a consent file"):
        Consent.from_file(tmp_path / "no.json")
    with pytest.raises(ConsentError, match="cannot be written"):
        signed().save(tmp_path / "no" / "consent.json")


def test_its_dict_is_plain_json_and_the_record_repeats_no_fingerprint_of_the_photo() -> None:
    given = signed()
    assert json.loads(json.dumps(given.to_dict()))["given_on"] == "2026-05-01"
    assert "photo_likeness" not in given.summary() and given.summary()["id"] == given.id
