"""Recipe of the tables of knobs in docs/comfyui.md and docs/comfyui.zh-CN.md, from sonic.settings and words_zh.toml.

python comfyui/make_pages.py
"""

import re
import tomllib
from pathlib import Path

from sonic.settings import DEFAULTS, Knob, knobs

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
HEADS = {
    "comfyui.md": "| knob | default | range | recommended | too much, too little | what it does |",
    "comfyui.zh-CN.md": "| 参数 | 默认 | 范围 | 推荐 | 过大或过小的后果 | 作用 |",
}
NO_NODE = ("audio_track",)
"""Settings that no node has: ComfyUI's AUDIO is one track, chosen by the node that loads it."""
ONLY_SVD = {"comfyui.md": "**Engine svd alone:**", "comfyui.zh-CN.md": "**仅引擎 svd：**"}


def table(page: str, engine: str) -> str:
    """The knobs of one engine, or with "" of all, as Markdown."""
    wanted = [(name, knob) for name, knob in knobs().items() if name not in NO_NODE]
    shown = [(name, knob) for name, knob in wanted if (knob.engine == "svd") == (engine == "svd")]
    rows = [HEADS[page], "|---|---|---|---|---|---|", *(_row(page, name, knob) for name, knob in shown)]
    return "\n".join(rows)


def filled(page: str, text: str) -> str:
    """The page with its tables made anew."""
    tables = f"\n{table(page, '')}\n\n{ONLY_SVD[page]}\n\n{table(page, 'svd')}\n\n"
    return re.sub(r"(?<=<!-- knobs -->\n).*(?=<!-- /knobs -->)", lambda _: tables, text, flags=re.S)


def _row(page: str, name: str, knob: Knob) -> str:
    label, help_, outside, unset = f"`{name}`", knob.help, knob.outside, knob.unset
    if page == "comfyui.zh-CN.md":
        words = tomllib.loads((HERE / "words_zh.toml").read_text(encoding="utf-8"))["settings"]
        shown, help_, outside, unset = (*words[name], "", "")[:4]
        label = f"`{name}` {shown}"
    default = unset if DEFAULTS[name] is None else f"{DEFAULTS[name]}"
    unit = f" {knob.unit}" if knob.unit else ""
    bounds = ", ".join(knob.choices)
    if knob.low is not None and knob.high is not None:
        step = f", step {knob.step:g}" if page == "comfyui.md" else f"，步长 {knob.step:g}"
        bounds = f"{knob.low:g} – {knob.high:.10g}{unit}{step}"
    advice = f"{knob.recommended[0]:g} – {knob.recommended[1]:g}" if knob.recommended else ""
    return f"| {label} | {default} | {bounds} | {advice} | {outside} | {help_} |"


if __name__ == "__main__":
    for page in HEADS:
        path = DOCS / page
        path.write_text(filled(page, path.read_text(encoding="utf-8")), encoding="utf-8")
