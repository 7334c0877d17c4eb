"""Recipe of example_workflows/*.json: what each holds, laid out for the canvas by what a running ComfyUI says of nodes.

python recipes/comfyui/make_workflows.py http://127.0.0.1:8188

Presets come from sonic.settings.preset(): the widgets of "fast" are those of `--preset fast`.
"""

import json
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from sonic.settings.presets import preset

FOLDER = Path(__file__).parents[2] / "comfyui" / "example_workflows"
COLUMN_PX, ROW_PX, GAP_PX = 400, 26, 60
UPLOADS = {"LoadImage": "image", "LoadAudio": "audio"}
"""Nodes whose upload button counts as a last widget."""
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
PORTRAIT, SPEECH = "sonic-demo-portrait.png", "sonic-demo-speech.flac"
CONSENT_NOTE = (
    "**Your own photo:** in *Sonic Consent* choose a basis, name the person and switch confirmed on. `demo portrait` "
    "holds for the fictional person of the example alone.\n\n"
    "**使用自己的照片：** 在 *Sonic 授权* 中选择“依据”、填写“人物”并打开“确认”；"
    "`demo portrait` 只适用于示例中的虚构人物。"
)


class Workflow:
    """A graph that grows node by node; a value given as (node, output number) is a link."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._about = about
        self._nodes: list[dict[str, Any]] = []
        self._links: list[list[Any]] = []
        self._next_y: dict[int, int] = {}

    def note(self, column: int, text: str, *, rows: int = 9) -> None:
        """A note on the canvas; the server never sees it."""
        node = self._placed("MarkdownNote", column, rows)
        node |= {"inputs": [], "outputs": [], "widgets_values": [text], "color": "#432", "bgcolor": "#653"}

    def node(self, kind: str, column: int, *, preview_rows: int = 0, **values: Any) -> dict[str, Any]:
        """A node with these values and links; all other widgets have their defaults."""
        about = self._about[kind]
        options = {**about["input"].get("required", {}), **about["input"].get("optional", {})}
        shown = _expanded(options, values)
        node = self._placed(kind, column, preview_rows + 2 + max(len(shown), len(about["output"])))
        node["properties"] = {"Node name for S&R": kind}
        node["outputs"] = [
            {"name": name, "type": type_, "links": []}
            for name, type_ in zip(about["output_name"], about["output"], strict=True)
        ]
        node["inputs"], node["widgets_values"] = [], []
        if unknown := values.keys() - shown.keys():
            raise SystemExit(f"{kind} has no inputs {sorted(unknown)}")
        for name, (type_, extra) in shown.items():
            self._add_input(node, name, type_, extra, values.get(name))
        if kind in UPLOADS:
            node["widgets_values"].append(UPLOADS[kind])
        return node

    def save(self, name: str) -> None:
        """Write it as the canvas saves workflows."""
        whole = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"sonic-talk/{name}")),  # the canvas checks that it is a UUID
            "revision": 0,
            "last_node_id": len(self._nodes),
            "last_link_id": len(self._links),
            "nodes": self._nodes,
            "links": self._links,
            "groups": [],
            "config": {},
            "extra": {"sonic": "0.1.0"},
            "version": 0.4,
        }
        text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")

    def _placed(self, kind: str, column: int, rows: int) -> dict[str, Any]:
        top, height = self._next_y.get(column, 0), rows * ROW_PX + 20
        self._next_y[column] = top + height + GAP_PX
        node = {
            "id": len(self._nodes) + 1,
            "type": kind,
            "pos": [column * (COLUMN_PX + GAP_PX), top],
            "size": [COLUMN_PX, height],
            "flags": {},
            "order": len(self._nodes),
            "mode": 0,
            "properties": {},
        }
        self._nodes.append(node)
        return node

    def _add_input(self, node: dict[str, Any], name: str, type_: str, extra: dict[str, Any], value: Any) -> None:
        slot: dict[str, Any] = {"name": name, "type": type_, "link": None}
        if type_ in WIDGETS:
            slot["widget"] = {"name": name}
            chosen = extra["default"] if value is None or isinstance(value, tuple) else value
            node["widgets_values"].append(chosen)
            if extra.get("control_after_generate"):
                node["widgets_values"].append("fixed")
        if isinstance(value, tuple):
            source, output = value
            link = len(self._links) + 1
            self._links.append([link, source["id"], output, node["id"], len(node["inputs"]), type_])
            source["outputs"][output]["links"].append(link)
            slot["link"] = link
        node["inputs"].append(slot)


def _expanded(options: dict[str, Any], values: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Input -> (type, options); a growing input has one slot for each value that is given."""
    shown: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, (type_, *rest) in options.items():
        extra = rest[0] if rest else {}
        if type_ == "COMFY_AUTOGROW_V3":
            shown |= {key: ("*", {}) for key in values if key.startswith(f"{name}.")}
        elif isinstance(type_, list):
            shown[name] = ("COMBO", {"default": type_[0] if type_ else "", **extra})
        elif type_ == "COMBO":
            shown[name] = ("COMBO", {"default": (extra.get("options") or [""])[0], **extra})
        else:
            shown[name] = (type_, extra)
    return shown


def whole(about: dict[str, Any], name: str, note: str, **settings: Any) -> None:
    """A workflow of the all-in-one node."""
    flow = Workflow(about)
    flow.note(0, f"{note}\n\n{CONSENT_NOTE}")
    image = flow.node("LoadImage", 0, preview_rows=9, image=PORTRAIT)
    audio = flow.node("LoadAudio", 1, preview_rows=3, audio=SPEECH)
    consent = flow.node("SonicConsent", 1, basis="demo portrait")
    made = flow.node(
        "SonicTalkingPortrait", 2, preview_rows=17, image=(image, 0), audio=(audio, 0), consent=(consent, 0),
        filename_prefix=f"sonic/{name.removeprefix('sonic-')}", **settings,
    )  # fmt: skip
    flow.node("PreviewAny", 3, preview_rows=3, source=(made, 2))
    flow.save(name)


def steps(about: dict[str, Any]) -> None:
    """High quality, in the single steps."""
    values = preset("quality")
    flow = Workflow(about)
    flow.note(
        0,
        "# High quality · 高质量\nThe preset `quality` in single steps, each with its picture: what was found, what "
        "moves, the opening, the file, its measures.\n\n"
        f"预设 `quality`，分步进行，每一步都显示结果：人脸、动作、开头画面、成品和测量。\n\n{CONSENT_NOTE}",
        rows=11,
    )
    image = flow.node("LoadImage", 0, preview_rows=9, image=PORTRAIT)
    audio = flow.node("LoadAudio", 0, preview_rows=3, audio=SPEECH)
    portrait = flow.node("SonicPortrait", 1, preview_rows=10, image=(image, 0))
    job = flow.node(
        "SonicPreData", 1, portrait=(portrait, 0), audio=(audio, 0), min_resolution=values["min_resolution"]
    )
    consent = flow.node("SonicConsent", 1, basis="demo portrait")
    motion = flow.node(
        "SonicInference", 2, preview_rows=8, data_dict=(job, 0), inference_steps=values["inference_steps"]
    )
    frames = flow.node("SonicLatentDecoder", 2, preview_rows=8, motion=(motion, 0))
    timed = flow.node("SonicPostProcessing", 3, preview_rows=8, frames=(frames, 0))
    video = flow.node(
        "SonicVideoOutput", 3, preview_rows=15, frames=(timed, 0), consent=(consent, 0),
        filename_prefix="sonic/high-quality", crf=values["crf"], encoder_preset=values["encoder_preset"],
    )  # fmt: skip
    report = flow.node("SonicQualityReport", 4, preview_rows=10, video=(video, 0))
    flow.node("PreviewAny", 4, preview_rows=6, source=(report, 0))
    flow.node("PreviewAny", 4, preview_rows=3, source=(timed, 1))
    flow.node("PreviewAny", 4, preview_rows=3, source=(video, 2))
    flow.save("sonic-high-quality")


def languages(about: dict[str, Any]) -> None:
    """One portrait, many recordings: nodes of the core alone that the oldest supported ComfyUI has."""
    flow = Workflow(about)
    flow.note(
        0,
        "# Many languages · 多种语言\nOne column for each language: a recording and a *Sonic Talking "
        "Portrait*; copy a column for the next. The portrait is analysed once.\n\n每种语言一列：一段录音和一个 "
        f"*Sonic 说话肖像*；复制一列即可再加一种。肖像只分析一次。\n\n{CONSENT_NOTE}",
        rows=11,
    )
    image = flow.node("LoadImage", 0, preview_rows=9, image=PORTRAIT)
    consent = flow.node("SonicConsent", 0, basis="demo portrait")
    for number in range(1, 4):
        audio = flow.node("LoadAudio", number, preview_rows=3, audio=SPEECH)
        flow.node(
            "SonicTalkingPortrait", number, preview_rows=17, image=(image, 0), audio=(audio, 0), consent=(consent, 0),
            filename_prefix=f"sonic/language-{number}", min_resolution=512,
        )  # fmt: skip
    flow.save("sonic-many-languages")


def official(about: dict[str, Any]) -> None:
    """The published weights."""
    values = preset("official")
    flow = Workflow(about)
    flow.note(
        0,
        "# Official weights · 官方权重\nThe published Sonic model on Stable Video Diffusion. It needs a GPU, "
        "`pip install 'sonic-talk[gpu]'` and its weights in `models/sonic`: `sonic weights fetch` gets them. "
        "Without them *Sonic Inference* says which are missing and where it looked. The weights are "
        "for **non-commercial** use.\n\n官方 Sonic 模型，基于 Stable Video Diffusion：需要 GPU、上述安装和权重；"
        f"缺少时 *Sonic 推理* 会说明缺什么、在哪里找过。权重仅限**非商业**用途。\n\n{CONSENT_NOTE}",
        rows=15,
    )
    image = flow.node("LoadImage", 0, preview_rows=9, image=PORTRAIT)
    audio = flow.node("LoadAudio", 0, preview_rows=3, audio=SPEECH)
    job = flow.node(
        "SonicPreData", 1, portrait=(image, 0), audio=(audio, 0), duration=3.0, min_resolution=values["min_resolution"]
    )
    options = flow.node("SonicSvdOptions", 1)
    motion = flow.node(
        "SonicInference", 2, preview_rows=6, data_dict=(job, 0), engine=values["engine"],
        inference_steps=values["inference_steps"], svd_options=(options, 0),
    )  # fmt: skip
    consent = flow.node("SonicConsent", 2, basis="demo portrait")
    frames = flow.node("SonicLatentDecoder", 3, preview_rows=8, motion=(motion, 0))
    flow.node(
        "SonicVideoOutput", 3, preview_rows=15, frames=(frames, 0), consent=(consent, 0),
        filename_prefix="sonic/official",
    )  # fmt: skip
    flow.save("sonic-official-weights")


def images(about: dict[str, Any]) -> None:
    """Frames for other nodes."""
    flow = Workflow(about)
    flow.note(
        0,
        "# Frames for other nodes · 供其他节点使用的帧\nLabelled, watermarked frames as IMAGE for any node: upscaling, "
        "compositing, Create Video. What another node saves has no signature, no AIGC metadata and no record: say "
        "that it is AI-generated wherever it is shown.\n\n带标识和水印的 IMAGE，可接任何节点。"
        f"其他节点保存的文件没有签名、AIGC 元数据和记录：展示时请注明由 AI 生成。\n\n{CONSENT_NOTE}",
        rows=13,
    )
    image = flow.node("LoadImage", 0, preview_rows=9, image=PORTRAIT)
    audio = flow.node("LoadAudio", 0, preview_rows=3, audio=SPEECH)
    job = flow.node(
        "SonicPreData", 1, portrait=(image, 0), audio=(audio, 0), duration=2.0, min_resolution=384, framing="face"
    )
    motion = flow.node("SonicInference", 1, preview_rows=8, data_dict=(job, 0))
    consent = flow.node("SonicConsent", 2, basis="demo portrait")
    frames = flow.node("SonicLatentDecoder", 2, preview_rows=8, motion=(motion, 0))
    given = flow.node("SonicFramesToImages", 2, frames=(frames, 0), consent=(consent, 0))
    video = flow.node("CreateVideo", 3, images=(given, 0), audio=(given, 1), fps=(given, 2))
    flow.node("SonicQualityReport", 3, preview_rows=12, video=(video, 0))
    flow.save("sonic-frames-for-other-nodes")


def main(server: str) -> None:
    """Write all of them."""
    with urllib.request.urlopen(f"{server}/object_info") as answer:  # noqa: S310 - the address that was given
        about = json.load(answer)
    FOLDER.mkdir(exist_ok=True)
    whole(
        about,
        "sonic-fast",
        "# Fast · 快速\nThe preset `fast`: 512 px, 10 steps; some seconds on a plain CPU.\n\n"
        "预设 `fast`：512 像素，10 步，普通 CPU 上几秒完成。",
        **preset("fast"),
    )
    whole(
        about, "sonic-vertical-short",
        "# Vertical short video · 竖屏短视频\n"
        "9:16 around the face, 720 x 1280 px. `expand_ratio` is the room around it.\n\n"
        "以人脸为中心的 9:16，720 x 1280 像素；`expand_ratio` 是人脸周围的余量。",
        framing="9:16", min_resolution=720, fps=30.0, motion_scale=1.1,
    )  # fmt: skip
    steps(about)
    languages(about)
    official(about)
    images(about)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
