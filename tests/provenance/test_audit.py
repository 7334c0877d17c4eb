"""The audit log: whole lines after a crash at any byte, one chain from many processes, and no change goes unnoticed."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sonic
from sonic.errors import OutputError
from sonic.provenance import audit
from sonic.provenance.audit import chain
from sonic.settings import Settings

WRITER = """
import sys
from sonic.provenance import audit
for i in range(int(sys.argv[1])):
    audit.append("consent", {"writer": sys.argv[2], "i": i})
    print(i, flush=True)
"""


@pytest.fixture
def log(home: Path) -> Path:
    return home / "audit.jsonl"


def lines(log: Path) -> list[bytes]:
    return log.read_bytes().splitlines(keepends=True)


def record(**changes: Any) -> Any:
    values = {
        "produce_id": "0123456789abcdef0123456789abcdef",
        "photo_sha256": "aa" * 32,
        "audio_sha256": "bb" * 32,
        "consent": SimpleNamespace(id="cc" * 32, basis="self"),
        "settings": Settings(language="en"),
        "weights": {"motion.onnx": "dd" * 32},
    }
    return SimpleNamespace(**(values | changes))


def test_an_entry_holds_what_was_made_and_the_chain_holds_together(log: Path) -> None:
    assert audit.verify() == audit.Verdict(0, chain.GENESIS, (), ())
    with audit.entered(record(), "out.mp4", "ee" * 32):
        assert len(lines(log)) == 1, "the entry is there before the video has its name"
    audit.append("consent", {"consent": "cc" * 32})
    first, second = audit.entries()
    assert (first.n, second.n, second.previous) == (1, 2, first.hash)
    assert first.facts["name"] == "out.mp4" and first.facts["video_sha256"] == "ee" * 32
    assert {"produce_id", "photo_sha256", "audio_sha256", "consent", "settings_sha256", "weights_sha256"} <= set(
        first.facts
    )
    assert audit.verify() == audit.Verdict(2, second.hash, (), ())


def test_it_is_the_users_own(log: Path) -> None:
    audit.append("consent", {})
    if os.name == "posix":
        assert log.stat().st_mode & 0o777 == 0o600 and log.parent.stat().st_mode & 0o777 == 0o700


def test_a_video_that_did_not_get_its_name_is_said(log: Path) -> None:
    with pytest.raises(OutputError, match="moved"), audit.entered(record(), "out.mp4", "ee" * 32):
        raise OutputError("it cannot be moved")
    assert [e.kind for e in audit.entries()] == ["video", "unpublished"]


def test_a_content_id_is_found_by_its_beginning(log: Path) -> None:
    for number in range(3):
        with audit.entered(record(produce_id=f"{number}" * 32), f"{number}.mp4", "ee" * 32):
            pass
    audit.append("stream", {"produce_id": "2" * 31 + "f"})
    found = audit.find("1" * 12)
    assert found and found.facts["name"] == "1.mp4"
    latest = audit.find("2222")
    assert latest and latest.kind == "stream"
    for none in ("", "222", "2222x", "3333", "2" * 33, "AAAA"):
        assert audit.find(none) is None


def test_a_crash_at_every_byte_of_an_entry_leaves_the_others_whole(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # hundreds of entries; no power fails here
    for _ in range(2):
        audit.append("consent", {"consent": "cc" * 32})
    whole = log.read_bytes()
    head = (log.parent / "audit.head").read_bytes()
    audit.append("consent", {"consent": "dd" * 32})
    torn = log.read_bytes()[len(whole) :]
    for cut in range(1, len(torn)):
        log.write_bytes(whole + torn[:cut])
        (log.parent / "audit.head").write_bytes(head)
        before = audit.verify()
        assert before.problems == () and "line 3 is torn" in before.notices[0] and before.n_entries == 2
        audit.append("consent", {"consent": "ee" * 32})
        after = audit.verify()
        assert after.problems == () and f"{cut} bytes of a torn entry" in after.notices[0]
        assert [e.kind for e in audit.entries()] == ["consent", "consent", "repair", "consent"]
    kept = [path.read_bytes() for path in log.parent.glob("audit.torn-*")]
    assert sorted(kept, key=len) == [torn[:cut] for cut in range(1, len(torn))]


@pytest.mark.parametrize(
    "garbage", [b"\0" * 4096, b"\0" * 100 + b"\n", b"{}\n", b"[" * 9000 + b"\n", b"\n\n", b"x" * 200_000]
)
def test_pages_that_never_reached_the_disk_are_torn_too(log: Path, garbage: bytes) -> None:
    audit.append("consent", {})
    with log.open("ab") as file:
        file.write(garbage)
    audit.append("consent", {})
    found = audit.verify()
    assert found.problems == () and [e.kind for e in audit.entries()] == ["consent", "repair", "consent"]


def test_lines_cut_off_at_the_end_are_missed_even_after_the_log_went_on(log: Path) -> None:
    for _ in range(4):
        audit.append("consent", {})
    log.write_bytes(b"".join(lines(log)[:2]))
    assert audit.verify().problems == ("entries 3 to 4 missing at the end, the log was cut off",)
    audit.append("consent", {})
    (problem,) = audit.verify().problems
    assert problem.startswith("line 3") and "entries 3 to 4 missing" in problem
    log.unlink()
    assert "entries 1 to 4" in audit.verify().problems[0]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_changed_line_is_found_with_its_number(log: Path, n: int) -> None:
    for i in range(3):
        audit.append("consent", {"consent": f"{i}c" * 32})
    changed = lines(log)
    changed[n - 1] = changed[n - 1].replace(b'"consent":"', b'"consent":"f', 1)
    log.write_bytes(b"".join(changed))
    (problem,) = audit.verify().problems
    assert problem.startswith(f"line {n} was changed")
    audit.append("consent", {})
    assert audit.verify().problems == (problem,), "the chain goes on, the change stays visible"


def test_a_line_that_was_forged_with_its_hash_breaks_the_chain_after_it(log: Path) -> None:
    for i in range(3):
        audit.append("consent", {"i": i})
    changed = lines(log)
    values = json.loads(changed[1])
    forged = chain.Entry(**values | {"facts": {"i": 9}})
    forged = chain.Entry(**forged.to_dict() | {"hash": chain.entry_hash(forged)})
    changed[1] = json.dumps(forged.to_dict()).encode() + b"\n"
    log.write_bytes(b"".join(changed))
    assert [p[:26] for p in audit.verify().problems] == ["line 3 does not follow the"]


def test_removed_and_swapped_lines_are_found(log: Path) -> None:
    for i in range(4):
        audit.append("consent", {"i": i})
    good = lines(log)
    log.write_bytes(b"".join(good[:1] + good[2:]))
    assert audit.verify().problems[0].startswith("line 2 does not follow")
    log.write_bytes(b"".join([good[0], good[2], good[1], good[3]]))
    assert audit.verify().problems[0].startswith("line 2 does not follow")


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"{}", b'{"n": 1e999}', b"[" * 60_000, b"\xff\xfe", b"1" * 50_000, b"x" * 300_000,
     b'{"n":1,"at":"","kind":"","facts":{"a":NaN},"previous":"","hash":""}',
     b'{"n":1,"at":"","kind":"","facts":[],"previous":"","hash":""}'],
)  # fmt: skip
def test_foreign_lines_are_told_and_read_over(log: Path, line: bytes) -> None:
    audit.append("consent", {"i": 0})
    audit.append("consent", {"i": 1})
    first, second = lines(log)
    log.write_bytes(first + line + b"\n" + second)
    assert audit.verify().problems[0].startswith("line 2 ")
    assert {"i": 1} in [e.facts for e in audit.entries()]


def test_many_damaged_lines_are_counted_not_told(log: Path) -> None:
    audit.append("consent", {})
    log.write_bytes(b"x\n" * 5000 + log.read_bytes())
    assert audit.verify().problems[-1].startswith("and ") and len(audit.verify().problems) < 200


def writer(n: int, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(n), name], stdout=subprocess.PIPE, text=True)


def test_many_processes_write_one_chain(log: Path) -> None:
    writers = [writer(25, name) for name in "abc"]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    found = audit.verify()
    assert (found.n_entries, found.problems, found.notices) == (75, (), ())
    for name in "abc":
        assert [e.facts["i"] for e in audit.entries() if e.facts["writer"] == name] == list(range(25))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_killed_writer_loses_nothing_that_it_was_told_is_written(log: Path) -> None:
    for round_ in range(6):
        with writer(10_000, str(round_)) as process:
            assert process.stdout
            told = int(process.stdout.readline())
            time.sleep(0.004 * round_)
            process.kill()
            told = max([told, *(int(line) for line in process.stdout.read().splitlines()[:-1])])
        written = [e.facts["i"] for e in audit.entries() if e.facts.get("writer") == str(round_)]
        assert written == list(range(len(written))) and len(written) > told
        assert audit.verify().problems == ()


def test_a_full_disk_leaves_the_log_as_it_was_and_the_video_without_a_name(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.append("consent", {})
    before = log.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    named = False
    with pytest.raises(OutputError, match=r"No space left.*no video is made without it") as caught:  # noqa: SIM117
        with audit.entered(record(), "out.mp4", "ee" * 32):
            named = True
    assert not named and log.read_bytes() == before and "\n" not in str(caught.value)
    monkeypatch.undo()


def test_a_home_that_cannot_be_written_stops_the_work_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SONIC_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(OutputError, match="SONIC_HOME"):
        audit.ready()
    grounds = sonic.Consent(subject="nobody", basis="synthetic", given_on=date(2026, 1, 1))
    with pytest.raises(OutputError, match="set SONIC_HOME"):
        sonic.generate("no.png", "no.wav", tmp_path / "out.mp4", consent=grounds)


KILLED = """
import os, sys, sonic, sonic.pipeline.write
from datetime import date
sonic.pipeline.write._publish = lambda *names: os._exit(9)
portrait, speech, out = sys.argv[1:]
consent = sonic.Consent(subject="nobody", basis="synthetic", given_on=date(2026, 1, 1))
settings = sonic.Settings(min_resolution=128, duration=0.2, inference_steps=1)
sonic.generate(portrait, speech, out, consent=consent, settings=settings)
"""
ASSETS = Path(__file__).parents[2] / "src" / "sonic" / "assets" / "demo"
INPUTS = (ASSETS / "portrait.png", ASSETS / "speech.flac")


def test_killed_while_a_video_gets_its_name_there_is_its_entry(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    process = subprocess.run([sys.executable, "-c", KILLED, *map(str, INPUTS), str(out)], capture_output=True)
    assert process.returncode == 9 and not out.exists()
    assert [e.kind for e in audit.entries()] == ["consent", "video"] and audit.verify().problems == ()


def test_without_its_entry_no_video_is_published(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(kind: str, facts: object) -> None:
        raise OutputError("the audit log cannot be written")

    grounds = sonic.Consent(subject="nobody", basis="synthetic", given_on=date(2026, 1, 1))
    monkeypatch.setattr(audit, "append", full)
    folder = tmp_path / "out"
    folder.mkdir()
    small = Settings(min_resolution=128, duration=0.2, inference_steps=1)
    with pytest.raises(OutputError, match="audit log"):
        sonic.generate(*INPUTS, folder / "out.mp4", consent=grounds, settings=small)
    assert sorted(path.name for path in folder.iterdir()) == ["out.kept.json", "out.kept.mp4"], "for a second attempt"


def test_an_entry_that_no_line_holds_is_refused(log: Path) -> None:
    with pytest.raises(OutputError, match="at most"):
        audit.append("consent", {"x": "y" * chain.MAX_LINE})
    assert audit.verify().n_entries == 0
