"""Recipe of locales: English from the nodes as a running ComfyUI knows them, Chinese from words_zh.toml and
sonic.settings.words.

python recipes/comfyui/make_locales.py http://127.0.0.1:8188
"""

import json
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

from sonic.settings import settings_table
from sonic.settings.words import setting_words

FOLDER = Path(__file__).parents[2] / "comfyui" / "locales"
WORDS_ZH = tomllib.loads(Path(__file__).with_name("words_zh.toml").read_text(encoding="utf-8"))


def english(about: dict[str, Any]) -> dict[str, Any]:
    """nodeDefs.json of the nodes' own words."""
    return {node_id: _node(node, _input_en, lambda name, tip: (name, tip)) for node_id, node in about.items()}


def chinese(about: dict[str, Any]) -> dict[str, Any]:
    """nodeDefs.json of words_zh.toml. Raises KeyError for a word that is missing there."""
    made = {}
    for node_id, node in about.items():
        name, description = WORDS_ZH["nodes"][node_id]
        words = _node(node, _input_zh, lambda output, tip: tuple(WORDS_ZH["outputs"][output]))
        made[node_id] = words | {"display_name": name, "description": description}
    return made


def tooltip_zh(name: str) -> str:
    """As schemas.tooltip."""
    entry, words = settings_table()[name], setting_words("zh")[name]
    parts = [words.help]
    if entry.unset:
        shown = "留空" if entry.kind is str else "0" if entry.low is None or entry.low > 0 else "-1"
        parts.append(f"{shown}：{words.unset}。")
    if entry.recommended:
        low, high = (f"{bound:g}" for bound in entry.recommended)
        parts.append(f"推荐 {low} 至 {high}{' 毫秒' if entry.unit == 'ms' else ''}；{words.outside}。")
    if entry.engine:
        parts.append(f"仅对引擎 {entry.engine} 有效。")
    return "".join(parts)


def _input_en(name: str, options: dict[str, Any]) -> tuple[str, str]:
    return name, options.get("tooltip", "")


def _input_zh(name: str, options: dict[str, Any]) -> tuple[str, str]:
    if name in settings_table():
        return setting_words("zh")[name].label, tooltip_zh(name)
    shown, tip = WORDS_ZH["inputs"][name]
    return shown, tip


def _node(node: dict[str, Any], of_input: Any, of_output: Any) -> dict[str, Any]:
    options = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
    inputs = {name: of_input(name, rest[0] if rest else {}) for name, (_, *rest) in options.items()}
    outputs = [of_output(*pair) for pair in zip(node["output_name"], node["output_tooltips"], strict=True)]
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": {name: {"name": shown, "tooltip": tip} for name, (shown, tip) in inputs.items()},
        "outputs": {str(i): {"name": shown, "tooltip": tip or ""} for i, (shown, tip) in enumerate(outputs)},
    }


def main(server: str) -> None:
    """Write both."""
    with urllib.request.urlopen(f"{server}/object_info") as answer:  # noqa: S310 - the address that was given
        about = {key: node for key, node in json.load(answer).items() if node["category"] == "Sonic"}
    for language, words in (("en", english(about)), ("zh", chinese(about))):
        folder = FOLDER / language
        folder.mkdir(parents=True, exist_ok=True)
        categories = {"nodeCategories": {"Sonic": "Sonic"}}
        for name, values in (("nodeDefs", words), ("main", categories)):
            text = json.dumps(values, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
            (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
