"""``sonic consent`` as a person meets it: what is missing is asked, what matters is confirmed, what fails says why."""

import io
import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image

from sonic.apps.cli import main
from sonic.provenance import audit
from sonic.provenance.consent import BASES, Consent

ASSETS = Path(__file__).parents[3] / "src" / "sonic" / "assets" / "demo"
SPEECH = str(ASSETS / "speech.flac")
SMALL = ["--min-resolution", "128", "--duration", "0.2", "--inference-steps", "1"]
ADA = ["--subject", "Ada Example", "--basis", "self"]


@pytest.fixture
def photo(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(ASSETS / "portrait.png", tmp_path / "ada.png"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def types(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))


def results(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_person_answers_and_confirms(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "self", "Ada Example", "yes")
    assert main(["consent", "new", "ada.png"]) == 0
    asked = capsys.readouterr().err
    assert "Who is in the photo?" in asked and "I am Ada Example, the person in this photo." in asked
    made = Consent.from_file("ada.consent.json")
    assert made.subject == "Ada Example" and made.is_signed() and made.confirmed_at
    assert main(["consent", "check", "ada.consent.json", "ada.png"]) == 0
    assert capsys.readouterr().out.startswith("valid")
    assert main(["generate", "ada.png", SPEECH, "-q", "-o", "o.mp4", "--consent", "ada.consent.json", *SMALL]) == 0
    record = json.loads(Path("o.json").read_text(encoding="utf-8"))
    assert record["consent"]["id"] == made.id


def test_nobody_is_asked_for_the_name_of_nobody(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "synthetic", "yes")
    assert main(["consent", "new", "ada.png"]) == 0
    assert "Who is in the photo?" not in capsys.readouterr().err
    made = Consent.from_file("ada.consent.json")
    assert (made.subject, made.basis) == ("nobody who exists", "synthetic") and made.is_signed()
    assert main(["generate", "ada.png", SPEECH, "-q", "-o", "o.mp4", "--consent", "synthetic", *SMALL]) == 0
    assert json.loads(Path("o.json").read_text(encoding="utf-8"))["consent"]["subject"] == "nobody who exists"
    capsys.readouterr()
    assert main(["verify", "-q", "o.mp4"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "that nobody real is shown is the word of whoever signed" in told and "confirmed" not in told


@pytest.mark.parametrize("answers", [[""], ["no"], ["N"], ["yes please"], ["maybe", "no"], [" "]])
def test_nothing_but_yes_confirms(photo: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    types(monkeypatch, *answers)
    assert main(["consent", "new", "ada.png", *ADA]) == 5
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert main(["consent", "new", "ada.png", *ADA]) == 5
    assert not list(Path().glob("*.json")) and not list(audit.entries())


@pytest.mark.parametrize("answers", [["y"], ["Yes"], ["", "sure", "yes"]])
def test_a_yes_confirms_and_what_is_neither_is_asked_again(
    photo: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    types(monkeypatch, *answers)
    assert main(["consent", "new", "ada.png", *ADA]) == 0


def test_the_wizard_explains_each_basis_and_asks_until_it_is_one(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "", "mine", "Self", "", "Ada Example", "y")
    assert main(["consent", "new", "ada.png"]) == 0
    asked = capsys.readouterr().err
    for basis, meaning in BASES.items():
        assert basis in asked and meaning in asked
    assert "'mine' is none of self, written" in asked
    assert Consent.from_file("ada.consent.json").basis == "self"


def test_without_a_terminal_nothing_is_assumed(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["consent", "new", "ada.png", "--basis", "self", "--confirmed"]) == 5
    assert "add --subject" in capsys.readouterr().err
    assert main(["consent", "new", "ada.png", *ADA]) == 5
    assert "add --confirmed" in capsys.readouterr().err
    assert main(["consent", "new", "ada.png", "--subject", "Ada", "--basis", "written", "--confirmed"]) == 5
    assert "add --evidence" in capsys.readouterr().err
    assert main(["consent", "new", "ada.png", *ADA, "--confirmed"]) == 0


def test_the_short_way_confirms_self_too(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["generate", "ada.png", SPEECH, "-q", "-o", "o.mp4", "--consent", "self", "--subject", "Ada", *SMALL]
    assert main(short) == 5
    assert "--confirmed" in capsys.readouterr().err and not Path("o.mp4").exists()
    types(monkeypatch, "yes")
    assert main(short) == 0
    assert main([*short, "--confirmed"]) == 0
    assert [e.kind for e in audit.entries()] == ["consent", "video", "video"], "the same words are the same consent"


def test_all_options_are_recorded(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scan.pdf").write_bytes(b"signed")
    expires = (date.today() + timedelta(days=30)).isoformat()
    made = ["--basis", "written", "--evidence-file", "scan.pdf", "--languages", "en, pt-BR", "--purposes", "education"]
    command = ["consent", "new", "ada.png", "--json", "--subject", "Ada", *made, "--expires", expires, "--confirmed"]
    assert main([*command, "-o", "c.json"]) == 0
    assert main(["consent", "show", "c.json", "--json"]) == 0
    first, shown = results(capsys)
    assert shown["languages"] == ["en", "pt-BR"] and shown["purposes"] == ["education"]
    assert shown["expires_on"] == expires and shown["evidence_name"] == "scan.pdf" and first["id"] == shown["id"]
    assert main(["consent", "check", "c.json", "--language", "en-GB", "--purpose", "Education"]) == 0
    Path("scan.pdf").write_bytes(b"changed")
    assert main(["consent", "check", "c.json"]) == 5
    assert "put the original back" in capsys.readouterr().err


def test_an_existing_consent_is_never_replaced(photo: Path) -> None:
    for _ in range(2):
        assert main(["consent", "new", "ada.png", *ADA, "--confirmed"]) == 0
    assert Path("ada.consent.json").exists() and Path("ada-2.consent.json").exists()
    assert main(["consent", "new", "ada.png", *ADA, "--confirmed", "-o", "ada.consent.json"]) == 6
    assert main(["consent", "new", "ada.png", *ADA, "--confirmed", "-o", "no/ada.json"]) == 6


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--given", "yesterday"], 5),
        (["--given", "2999-01-01"], 5),
        (["--expires", "1999-01-01"], 5),
        (["--languages", "english please"], 5),
        (["--purposes", ","], 5),
        (["--evidence-file", "none.pdf"], 5),
        (["--evidence-file", "."], 5),
        (["--subject", "A\nB"], 5),
        (["--subject", "x" * 600], 5),
    ],
)
def test_wrong_options_are_one_line(
    photo: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    assert main(["consent", "new", "ada.png", *ADA, "--confirmed", *options]) == code
    error = capsys.readouterr().err.strip()
    assert error.startswith("sonic: ") and "\n" not in error
    assert not list(Path().glob("*.json"))


def test_a_photo_that_is_none_is_said(photo: Path) -> None:
    assert main(["consent", "new", SPEECH, *ADA, "--confirmed"]) == 3
    assert main(["consent", "new", "no.png", *ADA, "--confirmed"]) == 3


def test_check_says_each_reason_for_machines_too(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["consent", "new", "ada.png", *ADA, "--languages", "en", "--confirmed"]) == 0
    Image.open("ada.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save("mirrored.png")
    Image.open("ada.png").convert("RGB").save("again.jpg", quality=60)
    capsys.readouterr()
    assert main(["consent", "check", "ada.consent.json", "again.jpg", "--json"]) == 0
    assert results(capsys)[0]["valid"] is True
    path = Path("ada.consent.json")
    path.write_text(path.read_text(encoding="utf-8").replace("Ada", "Eve"), encoding="utf-8")
    assert main(["consent", "check", "ada.consent.json", "mirrored.png", "--language", "fr", "--json"]) == 5
    result, error = results(capsys)
    assert [p["kind"] for p in result["problems"]] == ["signature broken", "not matching", "out of scope"]  # type: ignore[union-attr, index]
    assert result["valid"] is False and error["exit_code"] == 5


def test_a_revoked_consent_is_refused_though_its_file_is_unchanged(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["consent", "new", "ada.png", *ADA, "--confirmed"]) == 0
    shutil.copy("ada.consent.json", "copy.json")
    types(monkeypatch, "no")
    assert main(["consent", "revoke", "ada.consent.json"]) == 5
    assert main(["consent", "check", "ada.consent.json"]) == 0
    types(monkeypatch, "yes")
    assert main(["consent", "revoke", Consent.from_file("copy.json").id[:8]]) == 0
    for name in ("ada.consent.json", "copy.json"):
        capsys.readouterr()
        assert main(["generate", "ada.png", SPEECH, "-q", "-o", "o.mp4", "--consent", name, *SMALL]) == 5
        assert "revoked" in capsys.readouterr().err
    assert not Path("o.mp4").exists()
    assert main(["consent", "list", "--json"]) == 0
    (listed,) = results(capsys)[-1]["consents"]  # type: ignore[misc]
    assert listed["state"] == "revoked"


def with_two_consents(photo: Path) -> tuple[str, str]:
    """Two people's names for one photo and nobody's face, as programs state them: ids."""
    from sonic.media.photo import load_photo
    from sonic.provenance.consent import store
    from sonic.provenance.signer import identity

    stated = [Consent(subject=name, basis="self").bound_to(load_photo(photo)) for name in ("Ada", "A. Example")]
    first, second = (store.keep(one.signed(identity())).id for one in stated)
    return first, second


def test_revoke_names_what_still_allows_the_photo_and_ends_it_too_if_told_so(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = with_two_consents(photo)
    assert main(["consent", "revoke", first, "--confirmed"]) == 0
    said = capsys.readouterr().out
    assert f"still allows the same photo: consent {second[:12]} of A. Example, self; end it with: sonic" in said
    types(monkeypatch, "yes", "n")
    assert main(["consent", "revoke", first]) == 0
    said = capsys.readouterr()
    assert "End it too? [y/N]" in said.err and "still allows" in said.out
    assert main(["consent", "check", second]) == 0
    types(monkeypatch, "yes", "y")
    assert main(["consent", "revoke", first]) == 0
    assert f"also revoked: consent {second[:12]}" in capsys.readouterr().out
    assert main(["consent", "check", second]) == 5


def test_all_ends_them_without_a_terminal_and_with_a_broken_policy(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = with_two_consents(photo)
    Path("policy.toml").write_text("nonsense")
    monkeypatch.setenv("SONIC_POLICY", str(Path("policy.toml").resolve()))
    assert main(["consent", "revoke", first, "--all", "--confirmed", "--json"]) == 0
    (told,) = results(capsys)
    assert [one["id"] for one in told["also_revoked"]] == [second] and told["still_allowing"] == []  # type: ignore[attr-defined]
    monkeypatch.delenv("SONIC_POLICY")
    assert main(["consent", "check", second]) == 5


def test_a_limited_consent_asks_generate_for_language_and_purpose(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ["--languages", "en", "--purposes", "education"]
    assert main(["consent", "new", "ada.png", *ADA, *limits, "--confirmed"]) == 0
    make = ["generate", "ada.png", SPEECH, "-q", "-o", "o.mp4", "--consent", "ada.consent.json", *SMALL]
    for given, words in (([], "--language en"), (["--language", "en"], "--purpose education"),
                         (["--language", "de", "--purpose", "education"], "not de")):  # fmt: skip
        capsys.readouterr()
        assert main([*make, *given]) == 5
        assert words in capsys.readouterr().err
    assert main([*make, "--language", "en-GB", "--purpose", "education"]) == 0


def test_an_unsigned_file_is_refused_with_the_remedy(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("old.json").write_text('{"subject": "Ada", "basis": "self", "given_on": "2026-05-01"}')
    assert main(["generate", "ada.png", SPEECH, "-q", "-o", "o.mp4", "--consent", "old.json", *SMALL]) == 5
    assert "sonic consent new" in capsys.readouterr().err


def test_there_is_nothing_to_list_and_to_find_at_first(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["consent", "list"]) == 0
    assert "sonic consent new" in capsys.readouterr().out
    assert main(["consent", "show", "abcdef12"]) == 5
    assert main(["consent", "show", "none.json"]) == 5
