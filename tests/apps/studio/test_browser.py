"""The studio as people use it, in a browser: the whole journey, two languages, a phone, a keyboard, axe-core."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs the extra studio")
pytest.importorskip("playwright", reason="needs Playwright: make test-studio")

from comfyui_canvas import browser_path
from PIL import Image
from small_videos import save_sound
from studio_browser import Page, browser, visitor
from studio_client import Client, running

from sonic import demo
from sonic.apps.studio.config import Config
from sonic.verification import verify

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser_path() is None, reason="no Chromium on the path; install one, or name it in CHROMIUM"),
]

WORDS = {
    "en-US": {
        "signed": "Signed, labelled, watermarked",
        "intact": "Made here with Sonic and unchanged", "consent": "State the consent",
        "sign": "Sign the consent", "true": "This is true", "who": "Who is in the photo",
        "report": "Quality report", "compare": "Compare", "delete": "Delete",
        "verify": "What is this video?", "again": "Use these settings",
    },
    "zh-CN": {
        "signed": "已签名、带标识和水印", "intact": "由 Sonic 在本机生成，未被改动",
        "consent": "填写授权", "sign": "签署授权",
        "true": "以上属实", "who": "照片中是谁", "report": "质量报告", "compare": "对比",
        "delete": "删除", "verify": "这是什么视频？", "again": "沿用这些设置",
    },
}  # fmt: skip
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running(Config(tmp_path / "studio")) as (opened, _):
        yield opened


@pytest.fixture(scope="module")
def axe() -> str:
    path = Path(os.environ.get("STUDIO_AXE", "none"))
    return path.read_text("utf-8") if path.is_file() else ""


def accessible(page: Page, axe: str) -> None:
    if axe:
        assert page.barriers(axe) == []
    assert not page.flows_over()
    if page.page.evaluate("document.documentElement.lang") == "zh-CN":
        assert page.english() == []


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("language", "scheme", "options"),
    [("en-US", "dark", {}), ("zh-CN", "light", {}), ("en-US", "light", PHONE), ("zh-CN", "dark", PHONE)],
    ids=["english", "chinese", "phone", "chinese-phone"],
)
def test_the_whole_journey(
    chromium: Any, client: Client, axe: str, tmp_path: Path, language: str, scheme: str, options: dict[str, Any]
) -> None:
    """Upload, frame, consent, generate, watch it play, download, verify."""
    words, name = WORDS[language], f"{language[:2]}-{scheme}{'-phone' if options else ''}"
    with visitor(chromium, client.port, locale=language, color_scheme=scheme, **options) as visit:
        page = visit.page
        visit.go()
        page.wait_for_selector(".stage h1")
        accessible(visit, axe)
        visit.picture(f"{name}-1-empty")
        _choose(visit, ".stage .button.primary", demo.PORTRAIT)
        page.wait_for_selector(".photo .outline")
        _choose(visit, ".card[data-step='2'] .button >> nth=0", demo.SPEECH)
        page.wait_for_selector(".waveform canvas")
        assert page.locator("#generate").is_disabled()
        page.get_by_text("9:16", exact=True).click()
        page.wait_for_selector("text=540 × 960")
        visit.picture(f"{name}-2-framed")
        _consent(visit, words, axe, name)
        page.wait_for_selector(".stage video.preview", timeout=60_000)
        accessible(visit, axe)
        visit.picture(f"{name}-4-preview")
        video = _generated(visit, words, axe, name, tmp_path)
        visit.go("verify")
        page.get_by_role("heading", name=words["verify"]).wait_for()
        accessible(visit, axe)
        _choose(visit, ".drop .button.primary", video)
        page.get_by_role("heading", name=words["intact"]).wait_for(timeout=60_000)
        accessible(visit, axe)
        visit.picture(f"{name}-7-verified", whole=True)
        visit.go("videos")
        page.wait_for_selector(".job img")
        accessible(visit, axe)
        visit.picture(f"{name}-8-videos")
        assert visit.errors == []


def test_measured_compared_used_again_and_deleted(chromium: Any, client: Client, axe: str) -> None:
    example, words = client.post("demo").json, WORDS["en-US"]
    jobs = [
        client.finished(
            client.order(example, title=title, settings={"duration": 2, "min_resolution": 384, **more})["id"]
        )
        for title, more in (("first", {}), ("second", {"motion_scale": 0.5}))
    ]
    with visitor(chromium, client.port, color_scheme="dark") as visit:
        page = visit.page
        visit.go(f"videos/{jobs[1]['id']}")
        page.get_by_text(words["signed"]).wait_for()
        visit.press(words["report"])
        page.wait_for_selector(".curve .opening", timeout=60_000)
        accessible(visit, axe)
        visit.picture("en-dark-report")
        visit.press(words["compare"])
        page.locator("dialog .cover").first.click()
        page.wait_for_selector(".comparison video")
        page.get_by_role("button", name="Play").click()
        visit.until("[...document.querySelectorAll('.comparison video')].every(v => v.currentTime > 0.4)")
        times = page.evaluate("[...document.querySelectorAll('.comparison video')].map(v => v.currentTime)")
        assert abs(times[0] - times[1]) < 0.15
        page.evaluate("scrollTo(0, 0)")
        visit.picture("en-dark-compare")
        accessible(visit, axe)
        visit.press(words["again"])
        slider = page.locator("[data-setting='motion_scale'] input")
        assert slider.input_value() == "0.5"
        page.wait_for_selector(".consent-card .badge.good")
        visit.go(f"videos/{jobs[0]['id']}")
        visit.press(words["delete"])
        page.locator("dialog .button.danger").click()
        page.wait_for_selector(".job")
        assert page.locator(".job").count() == 1
        assert client.get(f"jobs/{jobs[0]['id']}").status == 404
        assert visit.errors == []


CHINESE = {"locale": "zh-CN", "color_scheme": "light"}


def test_what_is_said_of_bad_photos_and_recordings_is_chinese(
    chromium: Any, client: Client, axe: str, tmp_path: Path
) -> None:
    one = Image.open(demo.PORTRAIT).convert("RGB")
    one.resize((192, 240)).point(lambda value: value // 4).rotate(14).save(tmp_path / "poor.png")
    Image.new("RGB", (400, 300), (90, 120, 150)).save(tmp_path / "wall.png")
    one.crop((0, 0, 768, 420)).save(tmp_path / "part.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    (tmp_path / "notes.mid").write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk")
    save_sound(tmp_path / "silent.wav", np.zeros(32_000), 16_000)
    photo, sound = (f".card[data-step='{step}'] .button >> nth=0" for step in (1, 2))
    with visitor(chromium, client.port, **CHINESE) as visit:
        page = visit.page
        visit.go()
        _choose(visit, ".stage .button.primary", tmp_path / "poor.png")
        page.wait_for_selector(".notice.warn li")
        visit.picture("zh-light-notices")
        accessible(visit, axe)
        for name in ("wall.png", "part.png"):
            _choose(visit, photo, tmp_path / name)
            page.get_by_text(name).first.wait_for()
            page.wait_for_selector(".card[data-step='1'] .notice.error")
            assert visit.english() == []
        for n_told, (place, name) in enumerate(((photo, "broken.png"), (sound, "notes.mid")), 1):
            _choose(visit, place, tmp_path / name)
            visit.until(f"document.querySelectorAll('.toast.error').length >= {n_told}")
        visit.picture("zh-light-errors")
        accessible(visit, axe)
        _choose(visit, sound, tmp_path / "silent.wav")
        page.wait_for_selector(".waveform .notice.warn")
        accessible(visit, axe)


def test_what_is_said_of_jobs_and_files_is_chinese(chromium: Any, client: Client, axe: str, tmp_path: Path) -> None:
    example = client.post("demo").json
    gone = client.upload("speech", demo.SPEECH).json
    odd = {"duration": 2, "min_resolution": 130, "dynamic_scale": 1.9, "platform": "douyin"}
    made = client.order(example, settings=odd, title="made")
    failing = client.order(example | {"speech": gone}, title="failing")
    client.call("DELETE", f"media/{gone['id']}")
    client.finished(failing["id"])
    video = client.get(f"jobs/{made['id']}/video").body
    (tmp_path / "made.mp4").write_bytes(video)
    (tmp_path / "changed.mp4").write_bytes(video[:-900] + bytes(900))
    (tmp_path / "cover.jpg").write_bytes(client.get(f"jobs/{made['id']}/cover").body)
    (tmp_path / "words.srt").write_text("no times", "utf-8")
    with visitor(chromium, client.port, **CHINESE) as visit:
        page = visit.page
        for job in (failing, made):
            visit.go(f"videos/{job['id']}")
            page.wait_for_selector(".one .notice")
            accessible(visit, axe)
            visit.picture(f"zh-light-{job['title']}")
        visit.press(WORDS["zh-CN"]["report"])
        page.wait_for_selector(".curve .opening", timeout=60_000)
        page.locator(".report summary").click()
        accessible(visit, axe)
        visit.picture("zh-light-report", whole=True)
        for name in ("made.mp4", "changed.mp4", "cover.jpg", "words.srt"):
            visit.go("verify")
            _choose(visit, ".drop .button.primary", tmp_path / name)
            page.wait_for_selector(".verdict, .page .notice.error", timeout=60_000)
            visit.picture(f"zh-light-verify-{name.partition('.')[0]}", whole=True)
            assert visit.english() == [], name
            visit.go("videos")
            page.wait_for_selector(".job")
        accessible(visit, axe)


def test_every_setting_can_be_reached_and_what_is_too_much_is_said(chromium: Any, client: Client, axe: str) -> None:
    from sonic.settings import settings_table

    with visitor(chromium, client.port) as visit:
        page = visit.page
        visit.go()
        visit.press("Try the example")
        page.locator("details.more > summary").click()
        page.wait_for_selector("[data-setting='crf']")
        shown = set(page.evaluate("[...document.querySelectorAll('[data-setting]')].map(e => e.dataset.setting)"))
        own = {name for name, entry in settings_table().items() if entry.engine in ("", "light")}
        assert own - {"framing", "face", "platform"} == shown
        slider = page.locator("[data-setting='dynamic_scale'] input")
        slider.focus()
        page.keyboard.press("End")
        page.get_by_text("above 1.2 it looks overdone").wait_for()
        accessible(visit, axe)
        visit.picture("en-settings", whole=True)
        page.reload()
        page.wait_for_selector("[data-setting='dynamic_scale']")
        assert page.locator("[data-setting='dynamic_scale'] input").input_value() == "2"
        page.locator("[data-setting='dynamic_scale'] .button").click()
        assert page.locator("[data-setting='dynamic_scale'] input").input_value() == "1"


def test_a_photo_that_cannot_be_used_says_why(chromium: Any, client: Client, axe: str, tmp_path: Path) -> None:
    one = Image.open(demo.PORTRAIT).convert("RGB")
    both = Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    both.save(tmp_path / "two people.png")
    Image.new("RGB", (400, 300), (90, 120, 150)).save(tmp_path / "<img src=x onerror=alert(1)>.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with visitor(chromium, client.port, color_scheme="light") as visit:
        page = visit.page
        visit.go()
        _choose(visit, ".stage .button.primary", tmp_path / "two people.png")
        page.get_by_text("2 faces found").wait_for()
        consent = page.locator(".card[data-step='3']")
        consent.get_by_text("Choose the face that speaks first").wait_for()
        accessible(visit, axe)
        visit.picture("en-light-faces")
        page.get_by_role("button", name="Face 2").click()
        page.wait_for_selector(".photo .outline")
        assert page.get_by_role("button", name="Face 2 speaks").count() == 1
        consent.get_by_role("button", name="State the consent").click()
        page.get_by_label("Who is face 2").wait_for()
        visit.picture("en-light-faces-consent")
        page.get_by_role("button", name="Cancel").click()
        _choose(visit, ".card[data-step='1'] .button >> nth=0", tmp_path / "<img src=x onerror=alert(1)>.png")
        page.get_by_text("The face cannot be animated").wait_for()
        assert page.locator(".media-row img[src='x']").count() == 0
        visit.picture("en-light-no-face")
        _choose(visit, ".card[data-step='1'] .button >> nth=0", tmp_path / "broken.png")
        page.get_by_text("The photo cannot be used").wait_for()
        accessible(visit, axe)
        visit.picture("en-light-error")


def test_a_voice_is_recorded_trimmed_and_a_picture_taken(chromium: Any, client: Client, axe: str) -> None:
    with visitor(chromium, client.port, color_scheme="dark") as visit:
        page = visit.page
        visit.go()
        page.locator(".card[data-step='2']").get_by_role("button", name="Record").click()
        page.wait_for_selector(".recorder meter")
        visit.until("document.querySelector('.recorder meter').value > 0.01")
        visit.picture("en-dark-recording")
        page.wait_for_timeout(1500)
        page.locator(".recorder").get_by_role("button", name="Stop").click()
        page.wait_for_selector(".waveform canvas")
        end = page.get_by_role("slider", name="End of the part")
        end.focus()
        whole = float(end.get_attribute("aria-valuenow") or 0)
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        assert float(end.get_attribute("aria-valuenow") or 0) == pytest.approx(whole - 0.5, abs=0.02)
        visit.press("Take a photo")
        visit.until("document.querySelector('video.camera')?.videoWidth > 0")
        accessible(visit, axe)
        visit.press("Take the picture")
        page.wait_for_selector(".photo")
        page.get_by_text(re.compile("camera-.*jpg")).first.wait_for()


def test_fifty_jobs_long_names_and_an_empty_list(chromium: Any, client: Client, axe: str) -> None:
    with visitor(chromium, client.port, color_scheme="dark") as visit:
        page = visit.page
        visit.go("videos")
        page.get_by_text("No videos yet").wait_for()
        accessible(visit, axe)
        visit.picture("en-dark-no-videos")
        example = client.post("demo").json
        done = client.finished(client.order(example, title="done")["id"])
        bad = client.upload("speech", demo.SPEECH).json
        failing = client.order(example | {"speech": bad}, title="its recording is gone")
        client.call("DELETE", f"media/{bad['id']}")
        client.finished(failing["id"])
        running_job = client.order(example, settings={"duration": 11, "min_resolution": 1080}, title="x" * 180)
        waiting = [client.order(example, title=f"Lesson {n:02} – Grüße aus 北京") for n in range(47)]
        visit.until("document.querySelectorAll('.job').length === 50")
        accessible(visit, axe)
        visit.picture("en-dark-fifty")
        page.get_by_label("Search by name").fill("Lesson 4")
        visit.until("document.querySelectorAll('.job').length === 7")
        visit.go(f"videos/{running_job['id']}")
        page.wait_for_selector(".working progress")
        accessible(visit, axe)
        visit.picture("en-dark-long-name")
        for job in [*reversed(waiting), running_job]:
            client.post(f"jobs/{job['id']}/cancel")
        client.finished(running_job["id"])
        assert client.get(f"jobs/{done['id']}/video").status == 200


def test_several_recordings_become_several_videos(chromium: Any, client: Client, tmp_path: Path) -> None:
    sounds = [tmp_path / f"lesson {n}.flac" for n in range(3)]
    for path in sounds:
        path.write_bytes(demo.SPEECH.read_bytes())
    with visitor(chromium, client.port) as visit:
        page = visit.page
        visit.go()
        visit.press("Try the example")
        page.wait_for_selector(".waveform canvas")
        with page.expect_file_chooser() as chooser:
            visit.press("Add recordings")
        chooser.value.set_files(sounds)
        page.get_by_text("Generate 4 videos").wait_for()
        page.locator("#generate").click()
        page.wait_for_url("**#/videos")
        visit.until("document.querySelectorAll('.job').length === 4")
        for job in client.get("jobs").json["jobs"]:
            client.post(f"jobs/{job['id']}/cancel")


def test_a_platform_shows_its_safe_area_and_what_to_declare(chromium: Any, client: Client, axe: str) -> None:
    with visitor(chromium, client.port, color_scheme="dark") as visit:
        page = visit.page
        visit.go()
        visit.press("Try the example")
        page.wait_for_selector(".photo .outline")
        page.locator(".card[data-step='4'] select").first.select_option("douyin")
        page.wait_for_selector(".photo .safe")
        page.get_by_text("1080 × 1920", exact=True).wait_for()
        page.get_by_text("内容由AI生成").first.wait_for()
        accessible(visit, axe)
        page.locator(".card[data-step='4'] select").first.scroll_into_view_if_needed()
        visit.picture("en-dark-platform")


def test_captions_are_written_shown_and_saved(chromium: Any, client: Client, axe: str, tmp_path: Path) -> None:
    words = "Good morning. This is what the recording says."
    (tmp_path / "said.srt").write_text("1\n00:00:00,200 --> 00:00:02,900\nFrom a file of subtitles\n", "utf-8")
    with visitor(chromium, client.port, color_scheme="dark") as visit:
        page = visit.page
        visit.go()
        visit.press("Try the example")
        page.wait_for_selector(".waveform canvas")
        page.get_by_text("Captions (optional)").click()
        page.get_by_label("What is said").fill(words)
        accessible(visit, axe)
        page.locator(".card[data-step='2'] > .card-body > .row").last.scroll_into_view_if_needed()
        visit.picture("en-dark-captions")
        shorter = "{...JSON.parse(localStorage.draft), settings: {duration: 3}}"
        page.evaluate(f"() => {{ localStorage.draft = JSON.stringify({shorter}) }}")
        page.reload()
        page.wait_for_selector(".waveform canvas")
        assert page.get_by_label("What is said").input_value() == words
        with page.expect_file_chooser() as chooser:
            visit.press("Text or subtitles from a file")
        chooser.value.set_files(tmp_path / "said.srt")
        page.get_by_text("said.srt").wait_for()
        page.locator("#generate").click()
        page.get_by_text(WORDS["en-US"]["signed"]).wait_for(timeout=120_000)
        page.evaluate("() => { document.querySelector('.fitted video').currentTime = 1 }")
        visit.until("document.querySelector('.fitted video').textTracks[0]?.activeCues?.length === 1")
        cue = "document.querySelector('.fitted video').textTracks[0].activeCues[0].text"
        assert page.evaluate(cue) == "From a file of subtitles"
        accessible(visit, axe)
        visit.picture("en-dark-captioned")
        saved = _saved(visit, "a[href*='format=srt']", tmp_path)
        assert "From a file of subtitles" in saved.read_text("utf-8")
        visit.press("Use these settings")
        page.get_by_text("said.srt").wait_for()
        page.get_by_text("In the picture", exact=True).click()
        page.locator("#generate").click()
        page.get_by_text(WORDS["en-US"]["signed"]).wait_for(timeout=120_000)
        assert page.locator(".fitted track").count() == 0
        visit.picture("en-dark-burned-in")
        assert visit.errors == []


def test_by_keyboard_alone(chromium: Any, client: Client) -> None:
    with visitor(chromium, client.port) as visit:
        page = visit.page
        visit.go()
        page.wait_for_selector(".stage h1")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # try the example
        page.wait_for_selector(".photo .outline")
        page.locator(".stage-foot input:checked").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(".photo .frame")
        page.locator("#generate").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".working")
        page.get_by_role("button", name="Stop").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Cancelled").first.wait_for()


def test_a_token_is_asked_for(chromium: Any, tmp_path: Path, axe: str) -> None:
    from sonic.apps.studio.tokens import add_token

    with running(Config(tmp_path)) as (client, studio), visitor(chromium, client.port) as visit:
        token = add_token(studio.store, "ada")
        visit.go()
        visit.page.get_by_label("Token", exact=True).fill("wrong")
        visit.press("Enter")
        visit.page.get_by_text("not known here").wait_for()
        accessible(visit, axe)
        visit.picture("en-token")
        visit.page.get_by_label("Token", exact=True).fill(token)
        visit.press("Enter")
        visit.page.get_by_text("Drop a photo here").wait_for()
        visit.press("Leave")
        visit.page.get_by_label("Token", exact=True).wait_for()


def _generated(visit: Page, words: dict[str, str], axe: str, name: str, folder: Path) -> Path:
    """Generate, watch it while it is made and when it is ready, and save it."""
    page = visit.page
    page.locator("#generate").click()
    visit.until("document.querySelector('video.live')?.currentTime > 0.2")
    visit.picture(f"{name}-5-live")
    accessible(visit, axe)
    page.get_by_text(words["signed"]).wait_for(timeout=120_000)
    played = "document.querySelector('.fitted video').play().then(() => true)"
    assert page.evaluate(played)
    visit.until("document.querySelector('.fitted video').currentTime > 0.3")
    accessible(visit, axe)
    visit.picture(f"{name}-6-done")
    video = _saved(visit, "a.button.primary[download]", folder)
    assert verify(video).verdict == "intact"
    return video


def _saved(visit: Page, link: str, folder: Path) -> Path:
    with visit.page.expect_download() as started:
        visit.page.locator(link).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def _choose(visit: Page, selector: str, path: Path) -> None:
    with visit.page.expect_file_chooser() as chooser:
        visit.page.locator(selector).first.click()
    chooser.value.set_files(path)


def _consent(visit: Page, words: dict[str, str], axe: str, name: str) -> None:
    page = visit.page
    page.locator(".card[data-step='3']").get_by_role("button", name=words["consent"]).click()
    page.wait_for_selector("dialog form")
    page.get_by_label(words["who"]).fill("Ada Example")
    page.locator("dialog .option").first.click()
    page.get_by_text("Ada Example", exact=False).first.wait_for()
    accessible(visit, axe)
    visit.picture(f"{name}-3-consent")
    assert page.locator("#generate").is_disabled()
    page.get_by_label(words["true"]).check()
    page.get_by_role("button", name=words["sign"]).click()
    page.wait_for_selector(".consent-card .badge.good")


def test_a_picture_of_a_page_is_not_blank(chromium: Any, client: Client) -> None:
    with visitor(chromium, client.port, color_scheme="dark") as visit:
        visit.go()
        visit.page.wait_for_selector(".stage h1")
        shot = Image.open(io.BytesIO(visit.page.screenshot())).convert("L")
        assert len(shot.getcolors(256) or range(256)) > 20
