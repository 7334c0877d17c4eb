"""The studio's interface as its clients use it: the whole way of a video, what is refused, what is kept."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="needs the extra studio")

from studio_client import Answer, Client, running

from sonic import demo
from sonic.apps.studio.config import Config
from sonic.apps.studio.openapi import description
from sonic.apps.studio.routes import PREFIX, ROUTES
from sonic.media.video import decode_video
from sonic.settings.platforms import platform
from sonic.verification import verify


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Any]]:
    with running(Config(tmp_path_factory.mktemp("studio"), max_queued=40, max_queued_each=6)) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(studio: tuple[Client, Any]) -> Client:
    return studio[0]


@pytest.fixture(scope="module")
def example(client: Client) -> dict[str, Any]:
    answer = client.post("demo")
    assert answer.status == 201
    return dict(answer.json)


@pytest.fixture(scope="module")
def made(client: Client, example: dict[str, Any]) -> dict[str, Any]:
    """A finished video."""
    job = client.finished(client.order(example, title="first take")["id"])
    assert job["state"] == "done", job
    return job


def test_a_video_is_ordered_made_and_fetched(client: Client, made: dict[str, Any], tmp_path: Path) -> None:
    video = client.get(f"jobs/{made['id']}/video")
    (tmp_path / "out.mp4").write_bytes(video.body)
    (tmp_path / "out.json").write_bytes(client.get(f"jobs/{made['id']}/record").body)
    assert verify(tmp_path / "out.mp4").verdict == "intact"
    assert made["result"]["sha256"] == verify(tmp_path / "out.mp4").sha256
    cover = Image.open(io.BytesIO(client.get(f"jobs/{made['id']}/cover").body))
    assert cover.size == (made["result"]["width"], made["result"]["height"])
    assert "first%20take.mp4" in client.get(f"jobs/{made['id']}/video?download=1").headers[
        "content-disposition"
    ].replace('"first take.mp4"', "first%20take.mp4")


def test_it_is_found_by_its_name_and_deleted_and_the_audit_line_stays(client: Client, example: dict[str, Any]) -> None:
    from sonic.provenance import audit

    job = client.finished(client.order(example, title="a 100% rare_name")["id"])
    for text, found in (("100%25", True), ("rare_n", True), ("rareXname", False), ("%25%25", False)):
        assert (job["id"] in {j["id"] for j in client.get(f"jobs?q={text}").json["jobs"]}) is found, text
    lines = [entry for entry in audit.entries() if entry.facts.get("video_sha256") == job["result"]["sha256"]]
    assert client.call("DELETE", f"jobs/{job['id']}").status == 204
    assert client.get(f"jobs/{job['id']}").status == 404
    assert client.get(f"jobs/{job['id']}/video").status == 404
    assert lines and lines[0] in list(audit.entries())


def test_a_video_is_watched_while_it_is_made(client: Client, example: dict[str, Any], tmp_path: Path) -> None:
    job = client.order(example, settings={"duration": 4})
    client.when(job["id"], lambda now: now["state"] == "running")
    live = client.get(f"jobs/{job['id']}/live")
    assert live.status == 200
    (tmp_path / "live.mp4").write_bytes(live.body)
    pictures = sum(1 for _ in decode_video(tmp_path / "live.mp4"))
    assert pictures == client.finished(job["id"])["result"]["n_frames"] == 100
    from sonic.verification import verify as judged

    assert judged(tmp_path / "live.mp4").states_ai
    assert client.get(f"jobs/{job['id']}/live").status == 404


def test_events_tell_of_a_job_until_it_is_finished(client: Client, example: dict[str, Any]) -> None:
    job = client.order(example)
    stream = client.get(f"jobs/{job['id']}/events")
    news = [json.loads(line[6:]) for line in stream.body.decode().splitlines() if line.startswith("data: ")]
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert {each["id"] for each in news} == {job["id"]}
    assert news[-1]["state"] == "done"


def test_a_running_and_a_waiting_job_are_cancelled(client: Client, example: dict[str, Any]) -> None:
    first = client.order(example, settings={"duration": 11})
    second = client.order(example)
    client.when(first["id"], lambda job: (job.get("progress") or {}).get("stage") == "video")
    assert client.post(f"jobs/{second['id']}/cancel").json["state"] == "cancelled"
    client.post(f"jobs/{first['id']}/cancel")
    assert client.finished(first["id"])["state"] == "cancelled"
    assert client.get(f"jobs/{first['id']}/video").status == 404
    assert client.call("DELETE", f"jobs/{first['id']}").status == 204


def test_a_full_queue_is_answered_429(client: Client, example: dict[str, Any]) -> None:
    jobs = [client.order(example, settings={"duration": 11})]
    client.when(jobs[0]["id"], lambda job: job["state"] == "running")
    jobs += [client.order(example) for _ in range(6)]
    request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}
    refused = client.post("jobs", **request)
    assert (refused.status, refused.json["error"]["kind"]) == (429, "QueueFull")
    assert "retry-after" in refused.headers
    for job in reversed(jobs):
        client.post(f"jobs/{job['id']}/cancel")
    client.finished(jobs[0]["id"])


def test_a_preview_is_short_and_goes_ahead_of_the_queue(client: Client, example: dict[str, Any]) -> None:
    long = client.order(example, settings={"duration": 11})
    request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}
    preview = client.finished(client.post("previews", **request, settings={"motion_scale": 1.2}).json["id"])
    assert preview["state"] == "done"
    assert preview["result"]["duration_s"] == pytest.approx(2.0)
    assert min(preview["result"]["width"], preview["result"]["height"]) == 384
    assert preview["id"] not in {job["id"] for job in client.get("jobs").json["jobs"]}
    assert client.get(f"jobs/{long['id']}").json["state"] in ("queued", "running")
    client.post(f"jobs/{long['id']}/cancel")
    client.finished(long["id"])


def test_nothing_is_made_without_a_consent_that_holds_for_the_photo(
    client: Client, example: dict[str, Any], tmp_path: Path
) -> None:
    mirrored = Image.open(demo.PORTRAIT).transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((60, 100, 700, 900))
    mirrored.save(tmp_path / "other.png")
    other = client.upload("photo", tmp_path / "other.png").json
    request = {"photo": other["id"], "speech": example["speech"]["id"]}
    for address in ("jobs", "previews"):
        assert client.post(address, **request).status == 403
        assert client.post(address, **request, consent="0" * 64).status == 403
        assert client.post(address, **request, consent=example["consent"]["id"]).status == 403
        assert client.post(address, **request, consent="../../etc/passwd").status == 403
    form = {"photo": other["id"], "basis": "synthetic", "subject": "Nobody"}
    assert client.post("consents", **form).status == 403
    assert client.post("consents", **form, confirmed=False).status == 403
    consent = client.post("consents", **form, confirmed=True)
    assert consent.status == 201
    assert [each["id"] for each in client.get(f"consents?photo={other['id']}").json["consents"]] == [consent.json["id"]]
    assert client.post(f"consents/{consent.json['id']}/revoke").json["revoked_at"]
    assert client.get(f"consents?photo={other['id']}").json["consents"] == []
    assert client.post("jobs", **request, consent=consent.json["id"]).status == 403


def test_a_consent_with_evidence_names_its_file(client: Client, example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "release.pdf").write_bytes(b"%PDF-1.4 signed")
    evidence = client.upload("evidence", tmp_path / "release.pdf").json
    form = {"photo": example["photo"]["id"], "basis": "written", "subject": "Mira", "confirmed": True}
    assert client.post("consents", **form).status == 403
    made = client.post(
        "consents",
        **form,
        evidence_file=evidence["id"],
        languages=["en"],
        purposes=["education"],
        expires_on="2099-01-31",
    ).json
    assert (made["evidence_name"], made["evidence_sha256"]) == ("release.pdf", evidence["about"]["sha256"])
    assert (made["languages"], made["purposes"], made["expires_on"]) == (["en"], ["education"], "2099-01-31")
    request = {"photo": example["photo"]["id"], "speech": example["speech"]["id"], "consent": made["id"]}
    assert client.post("jobs", **request, settings={"language": "zh", "purpose": "education"}).status == 403
    assert client.post("consents", **form, evidence="x", expires_on="tomorrow").status == 403


def test_a_consent_is_for_one_face_of_a_photo(client: Client, example: dict[str, Any]) -> None:
    one, both = Image.open(demo.PORTRAIT).convert("RGB"), Image.new("RGB", (1536, 960))
    both.paste(one, (0, 0))
    both.paste(one, (768, 0))
    data = io.BytesIO()
    both.save(data, "PNG")
    photo = client.call("POST", "media?kind=photo&name=both.png", data.getvalue()).json["id"]
    form = {"photo": photo, "basis": "synthetic", "subject": "the right one", "confirmed": True}
    unclear = client.post("consents", **form)
    assert (unclear.status, unclear.json["error"]["kind"]) == (422, "FaceError")
    consent = client.post("consents", **form, face=2).json["id"]
    offered = {face: client.get(f"consents?photo={photo}&face={face}").json["consents"] for face in (1, 2)}
    assert [len(offered[1]), [each["id"] for each in offered[2]]] == [0, [consent]]
    assert client.get(f"consents?photo={photo}").json["consents"] == []
    request = {"photo": photo, "speech": example["speech"]["id"], "consent": consent}
    assert client.post("jobs", **request, settings={"face": 1}).status == 403
    allowed = client.post("jobs", **request, settings={"face": 2})
    assert allowed.status == 201
    client.post(f"jobs/{allowed.json['id']}/cancel")
    client.finished(allowed.json["id"])


def test_an_inspection_tells_faces_frame_and_remedies(client: Client, example: dict[str, Any]) -> None:
    seen = client.get(f"media/{example['photo']['id']}/inspection?framing=9:16").json
    (left, top, right, bottom), (shown_left, _, shown_right, _) = seen["faces_px"][0], seen["shown_px"]
    assert shown_left < left < right < shown_right and 0 < top < bottom < 960
    assert seen["video_px"][0] / seen["video_px"][1] == pytest.approx(9 / 16, abs=0.01)
    assert len(seen["outline_px"]) > 20
    assert client.get(f"media/{example['photo']['id']}/inspection?framing=3:2").status == 422
    blank = io.BytesIO()
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(blank, "PNG")
    wall = client.call("POST", "media?kind=photo&name=wall.png", blank.getvalue()).json
    refused = client.get(f"media/{wall['id']}/inspection")
    assert (refused.status, refused.json["error"]["kind"]) == (422, "FaceError")


def test_a_recording_is_heard_and_cut(client: Client, example: dict[str, Any]) -> None:
    sound = client.get(f"media/{example['speech']['id']}/sound").json
    assert sound["duration_s"] == pytest.approx(11.9, abs=0.1) and len(sound["peaks"]) == 480
    part = client.post(f"media/{example['speech']['id']}/cut", start_s=1.0, end_s=2.5).json
    assert part["about"]["duration_s"] == pytest.approx(1.5, abs=0.01)
    for start, end in ((2, 1), (1, 1), (30, 40), (-1, 2), ("a", 2), (True, 2)):
        assert client.post(f"media/{example['speech']['id']}/cut", start_s=start, end_s=end).status == 422


def test_a_video_is_verified_and_measured(client: Client, made: dict[str, Any]) -> None:
    video = client.call("POST", "media?kind=video&name=mine.mp4", client.get(f"jobs/{made['id']}/video").body).json
    found = client.finished(client.post("verifications", media=video["id"]).json["id"])
    assert found["result"]["verdict"] == "intact"
    assert {layer["name"] for layer in found["result"]["layers"]} >= {"credentials", "watermark", "label", "consent"}
    report = client.finished(client.post(f"jobs/{made['id']}/report").json["id"])
    assert report["state"] == "done", report["error"]
    assert len(report["result"]["curves"]["opening"]) == 15
    assert client.post(f"jobs/{made['id']}/report").json["id"] == report["id"]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"settings": {"crf": 99}}, 422),
        ({"settings": {"no_such": 1}}, 422),
        ({"settings": {"engine": "no such"}}, 422),
        ({"settings": {"weights_folder": "/etc"}}, 422),
        ({"settings": []}, 201),
        ({"settings": [1]}, 422),
        ({"preset": "../../../etc/passwd"}, 422),
        ({"preset": "/dev/zero"}, 422),
        ({"photo": "nothing"}, 404),
        ({"photo": 7}, 422),
        ({"unknown": 1}, 422),
        ({"burn_in": True}, 422),
        ({"captions": "nothing"}, 404),
        ({"captions": "auto"}, 422),
        ({"captions": "nothing", "karaoke": "yes"}, 422),
    ],
)
def test_an_order_that_cannot_be_is_refused_at_once(
    client: Client, example: dict[str, Any], values: dict[str, Any], status: int
) -> None:
    request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")} | values
    answer = client.post("jobs", **request)
    assert answer.status == status, answer.body
    if status == 201:
        client.post(f"jobs/{answer.json['id']}/cancel")
        client.finished(answer.json["id"])


def test_controls_and_words_come_from_the_table(client: Client) -> None:
    from sonic.settings import settings_table

    names = set(settings_table()) - {"weights_folder"}
    for language in ("en", "zh"):
        shown = client.get(f"settings?language={language}").json
        assert {entry["name"] for entry in shown["settings"]} == names
        assert all(entry["label"] and entry["help"] for entry in shown["settings"])
    assert client.get("settings?language=xx").status == 422


def test_a_platform_is_its_size_rate_and_safe_area(client: Client, example: dict[str, Any]) -> None:
    shown = {each["id"]: each for each in client.get("settings?language=zh").json["platforms"]}["douyin"]
    assert (shown["title"], shown["declare"]) == (platform("douyin").title["zh"], platform("douyin").declare["zh"])
    assert tuple(shown["safe_area"]) == platform("douyin").safe_area
    assert {"framing": "9:16", "min_resolution": 1080, "fps": float(platform("douyin").fps)}.items() <= shown[
        "settings"
    ].items()
    request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}
    for name in ("/etc/passwd", ["douyin"], 7):
        assert client.post("jobs", **request, settings={"platform": name}).status == 422


def test_a_video_for_a_platform_is_framed_for_it_and_its_cover_has_the_platforms_size(
    client: Client, example: dict[str, Any]
) -> None:
    job = client.finished(client.order(example, settings={"platform": "square", "min_resolution": 256})["id"])
    assert (job["result"]["width"], job["result"]["height"]) == (256, 256), job
    cover = Image.open(io.BytesIO(client.get(f"jobs/{job['id']}/cover").body))
    wanted = platform("square").cover
    assert cover.size == (wanted["width"], wanted["height"])


def test_what_cannot_run_here_is_not_offered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from sonic.engines.svd.weights import check

    for lacks, offered in (("weights are missing", False), ("", True)):
        monkeypatch.setattr(check, "lacks", lambda text=lacks: text)
        shown = client.get("settings").json
        assert ("svd" in shown["engines"]) is offered
        assert ("official" in shown["presets"]) is offered
        assert {"fast", "quality"} <= shown["presets"].keys()


SUBTITLES = "1\n00:00:00,100 --> 00:00:00,500\nTom & <b>Ada</b>\n"


def test_captions_lie_beside_the_video(client: Client, example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "said.srt").write_text(SUBTITLES, "utf-8")
    said = client.upload("captions", tmp_path / "said.srt").json
    assert said["about"]["timed"]
    job = client.finished(client.order(example, captions=said["id"])["id"])
    assert job["result"]["captions"] == ["vtt", "srt"], job
    vtt, srt = (client.get(f"jobs/{job['id']}/captions?format={kind}") for kind in ("vtt", "srt"))
    assert vtt.body.startswith(b"WEBVTT") and b"Tom &amp; Ada" in vtt.body
    assert (vtt.headers["content-type"], vtt.headers["content-disposition"][:6]) == (
        "text/vtt; charset=utf-8",
        "inline",
    )
    assert b"00:00:00,100 --> 00:00:00,500\nTom & Ada" in srt.body
    assert srt.headers["content-disposition"].startswith("attachment")
    assert client.get(f"jobs/{job['id']}/captions?format=exe").status == 422


def test_captions_are_drawn_where_that_is_asked_for(client: Client, example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "said.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:00.600\nGood morning\n", "utf-8")
    said = client.upload("captions", tmp_path / "said.vtt").json
    look = {"min_resolution": 256, "seed": 3}
    jobs = [client.order(example, captions=said["id"], burn_in=drawn, settings=look) for drawn in (False, True)]
    files = []
    for job in jobs:
        made = client.finished(job["id"])
        assert made["state"] == "done", made["error"]
        files.append(tmp_path / f"{job['id']}.mp4")
        files[-1].write_bytes(client.get(f"jobs/{job['id']}/video").body)
        assert verify(files[-1]).verdict == "intact"
    first, second = (next(iter(decode_video(file)))[1].astype(int) for file in files)
    changed = np.abs(first - second).max(axis=2) > 60
    assert changed[len(changed) // 2 :].sum() > 100 > changed[: len(changed) // 3].sum()


def test_a_job_whose_captions_were_removed_says_so(client: Client, example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "said.srt").write_text(SUBTITLES, "utf-8")
    said = client.upload("captions", tmp_path / "said.srt").json
    before = client.order(example, settings={"duration": 8, "min_resolution": 512})
    job = client.order(example, captions=said["id"])
    assert client.call("DELETE", f"media/{said['id']}").status == 204
    client.post(f"jobs/{before['id']}/cancel")
    error = client.finished(job["id"])["error"]
    assert (error["kind"], error["message"][:38]) == ("MediaError", "the caption file of this job was delet")


@pytest.mark.parametrize(
    ("name", "text"), [("empty.txt", " \n "), ("untimed.srt", "no times"), ("said.pdf", "text"), ("a.txt", "\udcff")]
)
def test_what_is_no_text_makes_no_captions(client: Client, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    answer = client.upload("captions", tmp_path / name)
    assert (answer.status, answer.json["error"]["kind"]) == (422, "MediaError")


def test_every_route_is_described_and_answers_failures_as_json(client: Client) -> None:
    assert client.get("openapi.json").json == description()
    for route in ROUTES:
        path = route.path.replace("{id}", "nothing")
        assert PREFIX + route.path in description()["paths"]
        if "{id}" in route.path:
            body = {} if route.method == "POST" else None
            answer = client.call(route.method, path.lstrip("/"), body)
            assert (answer.status, list(answer.json)) == (404, ["error"]), path
    assert client.get("no-such").json["error"]["kind"] == "HttpError"


def test_bodies_that_are_no_json_are_refused(client: Client) -> None:
    for body, kind, status in (
        (b"{", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b"[" * 5000, "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * 300_000, "application/json", 413),
    ):
        assert client.call("POST", "jobs", body, Content_Type=kind).status == status


def test_the_page_is_served_without_anything_inline(client: Client) -> None:
    for path in ("/", "/api"):
        page: Answer = client.get(path)
        text = page.body.decode()
        assert page.status == 200
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=|<style", text)
        assert "'unsafe" not in page.headers["content-security-policy"]
        for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
            assert client.get(name).status == 200


def test_two_jobs_may_read_one_recording_at_once(client: Client, example: dict[str, Any]) -> None:
    """A preview and a video share the session's recording; each must hear all of it."""
    request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}
    alone = client.finished(client.order(example, settings={"duration": 2, "seed": 5})["id"])
    job = client.order(example, settings={"duration": 2, "seed": 5})
    preview = client.post("previews", **request).json
    beside = client.finished(job["id"])
    client.finished(preview["id"])
    pictures = [client.get(f"jobs/{each['id']}/cover").body for each in (alone, beside)]
    # the same face; each has a watermark of its own, which is finer than these blocks
    first, second = (np.asarray(Image.open(io.BytesIO(data)).reduce(8), np.int16) for data in pictures)
    assert np.abs(first - second).mean() < 2
