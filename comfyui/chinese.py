"""Errors of nodes in Chinese, with the names that nodes and widgets have there, for people who chose that language."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import folder_paths

LOCALE = "Comfy.Locale"
"""The setting of the front end; it is stored only when somebody chose, not when the browser's language is followed."""
REMEDY = "在“Sonic 授权”中选择依据、写明人物并打开“确认”"
_PHOTO = r"(?:photo '(?P<photo>[^']*)'|the image)"
_AUDIO = r"(?:recording '(?P<audio>[^']*)'|the audio)"
_COUNTS = {"two": "两", "three": "三", "four": "四"}
_UNITS = {"s": "秒", "ms": "毫秒", "px": "像素"}
Found = Mapping[str, str]


def chosen() -> bool:
    """Whether ComfyUI speaks Chinese to its user."""
    settings = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    try:
        return bool(json.loads(settings.read_text(encoding="utf-8")).get(LOCALE) == "zh")
    except (OSError, ValueError, AttributeError):
        return False


def translated(message: str) -> str:
    """An error in Chinese: where it speaks of nodes by the rules here, else as the library says it."""
    from sonic.language import in_language

    for pattern, said in _RULES:
        if match := re.fullmatch(pattern, message, re.I | re.S):
            found = {name: value or "" for name, value in match.groupdict().items()}
            return said(found) if callable(said) else said.format(**_shown(found))
    plain = message[:1].lower() + message[1:]
    told = in_language(plain, "zh")
    return message if told == plain else told


def _shown(found: Found) -> dict[str, str]:
    """What rules put in: files by their names, settings by their labels."""
    from sonic.settings.words import setting_words

    words = setting_words("zh")
    shown = dict(found)
    shown["photo"] = f"照片“{found['photo']}”" if found.get("photo") else "照片"
    shown["audio"] = f"录音“{found['audio']}”" if found.get("audio") else "音频"
    if name := found.get("setting"):
        shown["setting"] = f"“{words[name].label}”" if name in words else name
    shown["unit"] = f" {_UNITS.get(found.get('unit', ''), found.get('unit', ''))}".rstrip()
    return shown


def _faces(found: Found) -> str:
    n = found["n"].lower()
    last = {"two": "1 或 2", "three": "1 至 3", "four": "1 至 4"}.get(n, f"1 至 {n}")
    return f"发现{_COUNTS.get(n, f' {n} ')}张脸；请把“第几张脸”设为 {last}，从左数起"


def _short(found: Found) -> str:
    what = "音频为空" if found["how"] == "empty" else "音频太短"
    return f"{what}（{found['is_ms']} 毫秒；至少 {found['least_ms']} 毫秒）"


_RULES: tuple[tuple[str, str | Callable[[Found], str]], ...] = (
    (r"this person's consent is missing; .*", f"缺少此人的授权；请{REMEDY}"),
    (r"this consent is not confirmed .*", "此授权尚未确认；若所述属实，请打开“确认”"),
    (r"the subject of the consent is empty; .*", "未写明人物；请在“Sonic 授权”的“人物”中填写照片中是谁"),
    (r"consent '(?P<basis>\w+)' needs evidence: .*",
     "依据 {basis} 需要证据；请在“Sonic 授权”的“证据”中写明保存在哪里，例如 contract-17.pdf"),
    (r"the consent of (?P<who>.+) is for another photo; .*",
     f"{{who}} 的授权属于另一张照片；请换用那张照片，或{REMEDY}"),
    (r"the consent of (?P<who>.+) is for another face .*",
     f"{{who}} 的授权属于照片中的另一张脸；请把“第几张脸”改为那一张，或{REMEDY}"),
    (r"the consent of (?P<who>.+) names no face.*", f"{{who}} 的授权没有指明是哪张脸，而照片中不止一张；请{REMEDY}"),
    (r"(?:no consent|(?P<n>\d+) consents) of this machine begin with (?P<id>\w+); .*",
     "没有唯一以 {id} 开头的本机授权；请清空“Sonic 授权”的“已存授权”，或填写授权文件名"),
    (r"'(?P<id>.*)' is no file and no id; .*",
     "“{id}”既不是授权文件也不是编号；请填写 ComfyUI 输入文件夹中的文件名，或编号的前几位"),
    (r"(?P<n>\w+) faces found: set face to .*", _faces),
    (r"photo has (?P<n>\d+) faces?, counted from the left; there is no face (?P<face>\d+)",
     "照片中有 {n} 张脸（从左数起），没有第 {face} 张；请修改“第几张脸”"),
    (rf"{_PHOTO} shows no face that can be found; .*", "{photo}中找不到人脸；请换一张正面、光线充足的照片"),
    (rf"{_PHOTO} shows only part of a face, .*", "{photo}中的脸被画面边缘切掉；请换一张露出整张脸的照片"),
    (rf"{_PHOTO} lies .*; turn it upright .*", "{photo}方向不正；请转正后再试"),
    (r"the face is too small: (?P<is_px>\d+) px .* at least (?P<least_px>\d+) .*",
     "脸太小：两眼相距 {is_px} 像素，至少需要 {least_px}；请换一张更大或拍得更近的照片"),
    (r"the face is turned (?P<is_deg>\d+)° .* at most (?P<most_deg>\d+)° .*",
     "脸侧转了 {is_deg}°，最多 {most_deg}°；请换一张面向镜头的照片"),
    (r"image holds (?P<n>\d+) pictures; .*", "“图像”中有 {n} 张图片；请只给一张"),
    (r"audio holds (?P<n>\d+) recordings; .*", "“音频”中有 {n} 段录音；请只给一段"),
    (r"the audio is (?P<how>empty|too short) \((?P<is_ms>\d+) ms; minimum (?P<least_ms>\d+) ms\)", _short),
    (rf"{_AUDIO} has no sound; .*", "{audio}没有声音；请给一段录音，或带声音的视频"),
    (r"duration is (?P<is_s>[\d.]+) s but the recording has (?P<own_s>[\d.]+) s: .*",
     "“时长”为 {is_s} 秒，而录音只有 {own_s} 秒；请设为 0（与录音等长），或不超过 {own_s}"),
    (r"(?P<setting>\w+) is (?P<value>[^;]+); it must be between (?P<low>\S+) and (?P<high>\S+)(?: (?P<unit>\S+))?",
     "{setting}为 {value}{unit}；应在 {low} 到 {high} 之间"),
    (r"(?P<setting>\w+) is (?P<value>[^;]+); choose one of (?P<all>.+)", "{setting}为 {value}；可选：{all}"),
    (r"filename_prefix (?P<name>.+) leads out of .*", "文件名前缀 {name} 指向 ComfyUI 输出文件夹之外；请只写名称"),
    (r"video (?P<name>.+) lies outside comfyui's folders; .*",
     "视频 {name} 不在 ComfyUI 的文件夹内；请连接 Sonic 节点的“视频”或“文件”"),
    (r"missing svd weights: (?P<what>.+); looked in (?P<where>.+); run .*",
     "缺少 svd 权重：{what}；查找过 {where}；请运行 `sonic weights fetch`，或在“权重文件夹”中写明所在位置"),
)  # fmt: skip
"""The English sentence of a node, whole -> the Chinese one; most of what a beginner meets."""
