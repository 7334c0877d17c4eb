"""``sonic log`` as a person meets it: list, show, verify, export."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest

from sonic.apps.cli import main
from sonic.provenance import audit
from sonic.provenance.consent import Consent, store
from sonic.provenance.signer import identity

IDS = ["ab12" * 8, "cd34" * 8]


@pytest.fixture
def log(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A consent and two videos, of which one lies here."""
    monkeypatch.chdir(tmp_path)
    Path("ada.mp4").write_bytes(b"video")
    given = Consent(subject="Ada", basis="self", given_on=date(2026, 1, 2), photo_sha256="aa" * 32).signed(identity())
    store.keep(given)
    for produce_id, name, sha256 in zip(IDS, ("ada.mp4", "=1+1.mp4"), (SHA256, "99" * 32), strict=True):
        facts = {"produce_id": produce_id, "name": name, "video_sha256": sha256, "photo_sha256": "aa" * 32}
        audit.append("video", facts | {"consent": given.id, "engine": "light"})
    return home / "audit.jsonl"


SHA256 = "1a4c5b0dc6a1d64b5e4c2ca1b2f3d1c6d3a0d2b3e7f7d9a2c0b1f2e3d4c5b6a7"


def entries(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return list(json.loads(capsys.readouterr().out.splitlines()[-1])["entries"])


def test_it_lists_what_was_made(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "list"]) == 0
    out = capsys.readouterr().out
    assert "ada.mp4" in out and IDS[0][:12] in out and len(out.splitlines()) == 3
    assert main(["log", "list", "--json", "--last", "1"]) == 0
    assert [e["n"] for e in entries(capsys)] == [3]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--since", "2000-01-01"], [1, 2, 3]),
        (["--since", "2999-01-01"], []),
        (["--until", "2000-01-01"], []),
        (["--kind", "video"], [2, 3]),
        (["--hash", "aaaa"], [1, 2, 3]),
        (["--hash", "ab12"], [2]),
        (["--hash", "aaaa", "--kind", "consent"], [1]),
        (["--last", "0"], [1, 2, 3]),
        (["--last", "9"], [1, 2, 3]),
    ],
)
def test_filters(log: Path, capsys: pytest.CaptureFixture[str], options: list[str], numbers: list[int]) -> None:
    assert main(["log", "list", "--json", *options]) == 0
    assert [e["n"] for e in entries(capsys)] == numbers


@pytest.mark.parametrize(("options", "code"), [(["--since", "May"], 2), (["--kind", "film"], 2)])
def test_wrong_filters_are_one_line(
    log: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    assert main(["log", "list", *options]) == code
    assert "\n" not in capsys.readouterr().err.strip()


def test_one_entry_by_file_by_content_id_and_by_number(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import hashlib

    facts = {"produce_id": "ef56" * 8, "name": "ada.mp4", "video_sha256": hashlib.sha256(b"video").hexdigest()}
    audit.append("video", facts)
    for given in ("ada.mp4", "ef56ef56ef56", "EF56EF56EF56", "4"):
        assert main(["log", "show", given, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)["entry"]
        assert shown["n"] == 4 and shown["facts"]["name"] == "ada.mp4"
    for nothing in ("none.mp4", "0000000000", "77", "ab"):
        assert main(["log", "show", nothing]) == 2


def test_verify_says_what_was_changed(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "verify"]) == 0
    assert "3 entries, as they were written" in capsys.readouterr().out
    log.write_bytes(log.read_bytes().replace(b"ada.mp4", b"eve.mp4"))
    assert main(["log", "verify", "--json"]) == 1
    result, error = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert result["intact"] is False and result["problems"][0].startswith("line 2 was changed")
    assert "line 2" in error["message"]


def test_verify_tells_of_what_a_crash_left(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log.open("ab") as file:
        file.write(b'{"n": 4, "at"')
    assert main(["log", "verify"]) == 0
    assert "line 4 is torn" in capsys.readouterr().err


def test_export_as_json_and_csv(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "export"]) == 0
    assert [e["n"] for e in json.loads(capsys.readouterr().out)] == [1, 2, 3]
    assert main(["log", "export", "-o", "log.json", "--kind", "stream"]) == 0
    assert json.loads(Path("log.json").read_text()) == []
    capsys.readouterr()
    assert main(["log", "export", "--csv", "-o", "log.csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(Path("log.csv").read_text(encoding="utf-8"))))
    assert [row["produce_id"] for row in rows] == ["", *IDS]
    assert rows[2]["name"] == "'=1+1.mp4", "a spreadsheet must not take a name for a formula"
    assert json.loads(rows[0]["other"]) == {"signed_by": identity().fingerprint}
    assert main(["log", "export", "-o", "no/log.csv"]) == 6


def test_an_empty_log_is_no_failure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("list", "verify", "export"):
        assert main(["log", action]) == 0
    assert not home.exists()
    capsys.readouterr()
