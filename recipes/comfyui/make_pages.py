"""Recipe of the tables of knobs in docs/comfyui.md and docs/comfyui.zh-CN.md, from sonic.settings.

python recipes/comfyui/make_pages.py
"""

import re
from pathlib import Path

from sonic.settings import DEFAULTS, Setting, settings_table
from sonic.settings.words import setting_words

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
HEADS = {
    "comfyui.md": "| setting | default | range | recommended | too much, too little | what it does |",
    "comfyui.zh-CN.md": "| 参数 | 默认 | 范围 | 推荐 | 过大或过小的后果 | 作用 |",
}
ONLY_SVD = {"comfyui.md": "**Engine svd alone:**", "comfyui.zh-CN.md": "**仅引擎 svd：**"}


def table(page: str, engine: str) -> str:
    """The settings of one engine, or with "" of all, as Markdown; ComfyUI loads files itself."""
    wanted = [(name, entry) for name, entry in settings_table().items() if entry.phase != "load"]
    shown = [(name, entry) for name, entry in wanted if (entry.engine == "svd") == (engine == "svd")]
    rows = [HEADS[page], "|---|---|---|---|---|---|", *(_row(page, name, entry) for name, entry in shown)]
    return "\n".join(rows)


def filled(page: str, text: str) -> str:
    """The page with its tables made anew."""
    tables = f"\n{table(page, '')}\n\n{ONLY_SVD[page]}\n\n{table(page, 'svd')}\n\n"
    return re.sub(r"(?<=<!-- knobs -->\n).*(?=<!-- /knobs -->)", lambda _: tables, text, flags=re.S)


def _row(page: str, name: str, entry: Setting) -> str:
    label, help_, outside, unset = f"`{name}`", entry.help, entry.outside, entry.unset
    if page == "comfyui.zh-CN.md":
        words = setting_words("zh")[name]
        help_, outside, unset = words.help, words.outside, words.unset
        label = f"`{name}` {words.label}"
    default = unset if DEFAULTS[name] is None else f"{DEFAULTS[name]}"
    unit = f" {entry.unit}" if entry.unit else ""
    bounds = ", ".join(entry.choices)
    if entry.low is not None and entry.high is not None:
        step = f", step {entry.step:g}" if page == "comfyui.md" else f"，步长 {entry.step:g}"
        bounds = f"{entry.low:g} – {entry.high:.10g}{unit}{step}"
    advice = f"{entry.recommended[0]:g} – {entry.recommended[1]:g}" if entry.recommended else ""
    return f"| {label} | {default} | {bounds} | {advice} | {outside} | {help_} |"


if __name__ == "__main__":
    for page in HEADS:
        path = DOCS / page
        path.write_text(filled(page, path.read_text(encoding="utf-8")), encoding="utf-8")
