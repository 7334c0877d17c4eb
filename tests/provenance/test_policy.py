"""An organisation's policy binds the command line and programs alike; a broken one stops the work."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

import sonic
import sonic.provenance.policy as policy_module
from sonic.apps.cli import main
from sonic.errors import ConsentError, SettingError
from sonic.provenance.aigc import content_producer
from sonic.provenance.policy import POLICY_VARIABLE, Policy, active, read, scope_problem

ASSETS = Path(__file__).parents[2] / "src" / "sonic" / "assets" / "demo"
PORTRAIT, SPEECH = ASSETS / "portrait.png", ASSETS / "speech.flac"
FULL = f"""
bases = ["written", "synthetic"]
evidence_file = true
max_validity_days = 365
trusted_keys = ["{"ab" * 32}"]
languages = ["en", "de"]
purposes = ["education"]
label_span = "throughout"
producer = "Example-Co"
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy.toml"
    monkeypatch.setenv(POLICY_VARIABLE, str(path))
    return path


def test_without_a_file_nothing_more_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_module, "_system_path", lambda: tmp_path / "none" / "policy.toml")
    assert active() == Policy()
    told = active().to_text()
    assert told.startswith("none; SONIC_POLICY or") and "max_validity_days" in told and "\n" not in told


def test_the_system_has_a_place_and_the_variable_comes_first(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = policy.with_name("system.toml")
    system.write_text('bases = ["written"]')
    policy.write_text("")
    monkeypatch.setattr(policy_module, "_system_path", lambda: system)
    assert active() == Policy(source=policy)
    monkeypatch.delenv(POLICY_VARIABLE)
    assert active().bases == ("written",)


def test_every_line_is_read_and_told(policy: Path) -> None:
    policy.write_text(FULL)
    text = active().to_text()
    assert "\n" not in text
    for words in ("bases written, synthetic", "evidence_file true", "365", "languages en, de", "Example-Co"):
        assert words in text


@pytest.mark.parametrize(
    "text",
    [
        "bases = ",
        'bases = "written"',
        "bases = []",
        'bases = ["spoken"]',
        'base = ["written"]',
        "evidence_file = 1",
        "max_validity_days = 0",
        "max_validity_days = true",
        "max_validity_days = 1.5",
        'trusted_keys = ["abc"]',
        'trusted_keys = "abc"',
        'languages = ["english please"]',
        "languages = []",
        "purposes = [1]",
        'label_span = "opening"',
        'producer = "two words"',
        "producer = 7",
        "[bases]\nwritten = true",
        "a = " + "[" * 5000,
        "\ufffe",
        "# " + "x" * 70_000,
    ],
)
def test_a_broken_policy_stops_the_work_in_one_line(policy: Path, text: str) -> None:
    policy.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=r"policy .* (nothing is made|a policy is short)") as caught:
        active()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_policy_that_is_not_there_or_no_text_stops_the_work(policy: Path) -> None:
    with pytest.raises(SettingError, match="No such file"):
        active()
    policy.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="nothing is made"):
        active()
    with pytest.raises(SettingError, match="directory"):
        read(policy.parent)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_policy_that_may_not_be_read_stops_the_work(policy: Path) -> None:
    policy.write_text(FULL)
    policy.chmod(0)
    with pytest.raises(SettingError, match="Permission"):
        active()


def grounds(**changes: object) -> sonic.Consent:
    return sonic.Consent(**({"subject": "a drawing", "basis": "synthetic", "given_on": date(2026, 1, 1)} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "changes", "words"),
    [
        ({"bases": ("written",)}, {}, "accepts consent written, not synthetic"),
        ({"evidence_file": True}, {"evidence": "somewhere"}, "--evidence-file"),
        ({"max_validity_days": 30}, {}, "expires within 30 days"),
        ({"max_validity_days": 30}, {"expires_on": date(2026, 2, 1)}, "30 days, not of 31"),
        ({"max_validity_days": 31}, {"expires_on": date(2026, 2, 1)}, ""),
        ({"evidence_file": True}, {"evidence_name": "a.pdf", "evidence_sha256": "ab" * 32}, ""),
        ({"bases": ("written", "synthetic")}, {}, ""),
    ],
)
def test_what_a_policy_asks_of_a_consent(rules: dict[str, object], changes: dict[str, object], words: str) -> None:
    message = Policy(**rules).consent_problem(grounds(**changes))  # type: ignore[arg-type]
    assert (message is None) if not words else (words in str(message))


def test_everything_that_a_policy_forbids_is_told_at_once(policy: Path, tmp_path: Path) -> None:
    policy.write_text(FULL.replace(', "synthetic"', ""))
    with pytest.raises(SettingError) as caught:
        sonic.generate(PORTRAIT, SPEECH, tmp_path / "o.mp4", consent=grounds(), settings=small(label_span="opening"))
    said = str(caught.value)
    assert "\n" not in said
    for words in ("label_span throughout", "--language en", "--purpose education", "not synthetic", "--evidence-file",
                  "within 365 days"):  # fmt: skip
        assert words in said
    policy.write_text("bases = [7]\nevidence_file = 1\nlanguages = ['english please']\nunknown = 1")
    with pytest.raises(SettingError) as caught:
        active()
    said = str(caught.value)
    assert "\n" not in said and all(name in said for name in ("bases", "evidence_file", "english please", "unknown"))


def test_a_new_consent_is_told_all_that_it_lacks(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(FULL)
    new = ["consent", "new", str(PORTRAIT), "--basis", "self", "--subject", "Ada", "-o", str(tmp_path / "c.json")]
    assert main([*new, "--confirmed"]) == 5
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "not self" in said and "--evidence-file" in said and "--expires" in said


def test_scope_is_of_stated_things_only() -> None:
    assert scope_problem("x", None, None, None, None) is None
    assert "say what this video is" in str(scope_problem("x", ("en",), None, None, "a"))
    assert "--purpose a" in str(scope_problem("x", ("en",), ("a",), None, None))
    assert "not fr" in str(scope_problem("x", ("en",), None, "fr", None))


def small(**changes: object) -> sonic.Settings:
    return sonic.Settings(min_resolution=128, duration=0.2, inference_steps=1).replace(**changes)


@pytest.mark.parametrize(
    ("text", "settings", "error"),
    [
        ('bases = ["written"]', {}, ConsentError),
        ('languages = ["en"]', {}, ConsentError),
        ('purposes = ["education"]', {"purpose": "advertising"}, ConsentError),
        ('label_span = "throughout"', {"label_span": "opening"}, SettingError),
        ("nonsense", {}, SettingError),
    ],
)
def test_generate_and_stream_obey(
    policy: Path, tmp_path: Path, text: str, settings: dict[str, object], error: type[Exception]
) -> None:
    policy.write_text(text)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(error, match="policy"):
        sonic.generate(PORTRAIT, SPEECH, out / "out.mp4", consent=grounds(), settings=small(**settings))
    with pytest.raises(error, match="policy"):
        sonic.stream(PORTRAIT, SPEECH, consent=grounds(), settings=small(**settings))
    assert not list(out.iterdir())


def test_what_is_allowed_is_made_and_recorded(policy: Path, tmp_path: Path) -> None:
    policy.write_text('languages = ["en"]\npurposes = ["education"]\nproducer = "Example-Co"\n')
    settings = small(language="en-GB", purpose="Education")
    made = sonic.generate(PORTRAIT, SPEECH, tmp_path / "out.mp4", consent=grounds(), settings=settings)
    record = json.loads(made.record.read_text(encoding="utf-8"))
    assert (record["settings"]["language"], record["settings"]["purpose"]) == ("en-GB", "Education")
    assert record["aigc"]["ContentProducer"] == "Example-Co"


def test_the_producer_is_the_policys(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.write_text('producer = "Example-Co"')
    assert content_producer(active()) == "Example-Co"
    monkeypatch.setenv("SONIC_CONTENT_PRODUCER", "Other-Co")
    with pytest.raises(SettingError, match="unset it"):
        content_producer(active())


def test_doctor_tells_the_policy(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonic.doctor._render_ms", lambda: 1.0)
    policy.write_text('bases = ["written"]')
    main(["doctor"])
    assert f"policy    {policy}: bases written" in capsys.readouterr().out
    policy.write_text("bases")
    assert main(["doctor"]) == 7
    assert "cannot be used" in capsys.readouterr().out
