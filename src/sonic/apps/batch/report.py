"""The HTML report of a batch: one file without anything beside it, to be read by people and sent to others."""

import base64
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from html import escape
from pathlib import Path
from statistics import median

from PIL import Image

from sonic.apps.batch.folder import save_if_possible
from sonic.apps.batch.outcome import DONE, Outcome, Results
from sonic.apps.batch.places import Place, Url
from sonic.apps.batch.rows import Row
from sonic.errors import SonicError
from sonic.media.video import sample_video

THUMBNAIL_PX = 132
MANY = 400
"""Rows with thumbnails; a report of more would be too large to send."""
LATE_MS = 80.0
"""Lips that are measured to be further off than this, with certainty, are warned of."""
SURE = 4.0
STILL_SD = 0.02
"""Lips that move less than this hardly show closures: half of what people show."""
OPEN_LIPS = 0.7
"""Lips that shut on less than this share of p b m are warned of: they cannot be read."""
_CSS = """
:root{color-scheme:light dark;--line:#8884;--bad:#c62828;--good:#2e7d32}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}td,th{text-align:start;padding:.45rem .6rem;
border-bottom:1px solid var(--line);vertical-align:top}img{border-radius:6px;display:block}
.failed{color:var(--bad);font-weight:600}.done{color:var(--good);font-weight:600}.small{font-size:.85em;opacity:.8}
td.out{overflow-wrap:anywhere}
"""


def write_report(rows: Sequence[Row], results: Results, out: Place, *, wall_s: float) -> None:
    """Write the report of these rows; a disk that is full loses the report alone, and it is made again next time."""
    known = [(row, results.latest.get(str(row.out))) for row in rows]
    known = [(row, found if found and found.key == row.key else None) for row, found in known]
    text = "\n".join(_page(known, out.parent, wall_s))
    save_if_possible(out, text.encode("utf-8", "xmlcharrefreplace"))


def _page(known: Sequence[tuple[Row, Outcome | None]], folder: Place, wall_s: float) -> Iterable[str]:
    found = [outcome for _, outcome in known if outcome]
    done = [outcome for outcome in found if outcome.state == DONE]
    failed = len(found) - len(done)
    missing = len(known) - len(found)
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sonic batch</title><style>{_CSS}</style>'
    yield f"<h1>{len(known)} videos: {len(done)} made, {failed} failed, {missing} not yet</h1>"
    seconds = sum(outcome.seconds for outcome in done)
    yield f"<p>{_clock(seconds)} of video; this call took {_clock(wall_s)}. Every video shows that it is AI-generated."
    yield " Say so wherever it is shown.</p>"
    yield from _languages(done)
    yield "<table><tr><th>row<th><th>video<th>state<th>what to know</tr>"
    order = sorted(known, key=lambda pair: (pair[1] is not None and pair[1].state == DONE, pair[0].number))
    for place, (row, outcome) in enumerate(order):
        yield _row(row, outcome, folder, with_picture=place < MANY)
    yield "</table></html>"


def _row(row: Row, outcome: Outcome | None, folder: Place, *, with_picture: bool) -> str:
    if outcome is None:
        state, notes, picture = "not yet", "", ""
    elif outcome.state == DONE:
        size = "x".join(map(str, outcome.size_px))
        state = f'<span class="done">made</span><br><span class="small">{_clock(outcome.seconds)}, {size}</span>'
        notes = _list((*_warnings(outcome), *outcome.checks, *outcome.notices))
        picture = _picture(row.out, outcome) if with_picture else ""
    else:
        state, picture = f'<span class="failed">failed</span><br><span class="small">{outcome.kind}</span>', ""
        notes = _list((outcome.message, *outcome.notices))
    link = _link(row.out, folder)
    name = f'<a href="{escape(link)}">{escape(link)}</a>' if outcome and outcome.state == DONE else escape(link)
    inputs = f"{row.portrait.name}, {row.speech.name}" + (f", {row.settings.language}" if row.settings.language else "")
    return (
        f'<tr><td>{row.number}<td>{picture}<td class="out">{name}<br><span class="small">{escape(inputs)}</span>'
        f"<td>{state}<td>{notes}</tr>"
    )


def _languages(done: Sequence[Outcome]) -> Iterable[str]:
    """A line a language, where videos were measured."""
    measured = [outcome for outcome in done if outcome.measures]
    if not measured:
        return
    yield "<h2>Quality by language</h2><table><tr><th>language<th>videos<th>lips after sound<th>lip movement"
    yield "<th>p b m with lips shut<th></tr>"
    for language in sorted({outcome.language or "" for outcome in measured}):
        of = [outcome for outcome in measured if (outcome.language or "") == language]
        lags = [v for one in of if (v := _sure_lag(one)) is not None]
        moves = [v for one in of if (v := one.measures.get("lip_gap_sd")) is not None]
        lag = f"{median(lags):+.0f} ms" if lags else "not clear"
        weak = sum(bool(_warnings(one)) for one in of)
        warning = f'<span class="failed">{weak} weak: look at them</span>' if weak else ""
        move = f"{median(moves):.3f}" if moves else ""
        shut = [v for one in of if (v := one.measures.get("closures_shown")) is not None]
        shown = f"{median(shut):.0%}" if shut else "too few"
        row = (escape(language) or "not stated", len(of), lag, move, shown, warning)
        yield "<tr>" + "".join(f"<td>{cell}" for cell in row) + "</tr>"
    yield "</table><h2>Videos</h2>"


def _sure_lag(outcome: Outcome) -> float | None:
    lag, certainty = outcome.measures.get("lag_ms"), outcome.measures.get("lag_certainty")
    return lag if lag is not None and certainty is not None and certainty >= SURE else None


def _warnings(outcome: Outcome) -> tuple[str, ...]:
    """What is weak about a video that was measured."""
    found = []
    lag, moves = _sure_lag(outcome), outcome.measures.get("lip_gap_sd")
    if lag is not None and abs(lag) > LATE_MS:
        found.append(f"the lips are {lag:+.0f} ms off the sound; look at it, and try audio_offset_ms {-lag:.0f}")
    if moves is not None and moves < STILL_SD:
        found.append(f"the lips hardly move ({moves:.3f}); is the recording speech, and the mouth free?")
    shut = outcome.measures.get("closures_shown")
    if shut is not None and shut < OPEN_LIPS:
        found.append(f"lips shut on {shut:.0%} of p b m; look at it, and try articulation clear")
    return tuple(found)


def _list(lines: Sequence[str]) -> str:
    return "<br>".join(escape(line) for line in lines)


def _link(out: Place, folder: Place) -> str:
    """Relative to the report, so that both can be moved; what lies elsewhere as it is."""
    if isinstance(out, Url) or isinstance(folder, Url):
        return str(out).removeprefix(f"{folder}/")
    return os.path.relpath(out, folder).replace(os.sep, "/")


def _picture(out: Place, outcome: Outcome) -> str:
    coded = outcome.thumbnail if isinstance(out, Url) else thumbnail(out)
    return f'<img alt="" src="data:image/jpeg;base64,{escape(coded)}">' if coded else ""


def thumbnail(video: Path) -> str:
    """A small JPEG of the video's first picture in base64; empty if it cannot be read."""
    with suppress(SonicError, OSError, StopIteration), closing(sample_video(video, 1)) as pictures:
        image = Image.fromarray(next(pictures))
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=80)
        return base64.b64encode(data.getvalue()).decode("ascii")
    return ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
