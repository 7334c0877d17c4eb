"""What each user with a token may take of a studio: room on its disk, files, requests that are open at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sonic.apps.studio.config import Config
from sonic.apps.studio.problems import Refused
from sonic.apps.studio.store import Store
from sonic.apps.studio.tokens import LOCAL


def used_bytes(store: Store, owner: str) -> int:
    """What this user's uploads, begun ones at their full size, and videos take."""
    media = store.row("SELECT coalesce(sum(bytes), 0) AS n FROM media WHERE owner = ?", owner)
    videos = "SELECT coalesce(sum(json_extract(result, '$.bytes')), 0) AS n FROM jobs WHERE owner = ?"
    made = store.row(videos, owner)
    return sum(int(found["n"]) for found in (media, made) if found)


def check_room(store: Store, config: Config, owner: str, n_bytes: int = 0) -> None:
    """Raise Refused 507 where so many bytes more are more than this user may have. The one user of a local studio may
    fill the disk."""
    if owner == LOCAL:
        return
    used, most = used_bytes(store, owner), config.quota_bytes
    if used + n_bytes > most or used >= most:
        more = f", and this takes {n_bytes / 1e6:.0f} MB" if n_bytes else ""
        has, may = f"{used / 1e6:.0f}", f"{most / 1e6:.0f}"
        raise Refused(507, "QuotaFull", f"you have {has} of {may} MB{more}; delete videos or uploads")
    found = store.row("SELECT count(*) AS n FROM media WHERE owner = ?", owner)
    if n_bytes and found and found["n"] >= config.max_files_each:
        raise Refused(507, "QuotaFull", f"you have {found['n']} uploads, as many as one user may; delete some")


class OpenRequests:
    """How many requests of each user are being answered; on the server's one thread."""

    def __init__(self, most: int) -> None:
        self._most, self._open = most, Counter[str]()

    @contextmanager
    def one_of(self, user: str) -> Iterator[None]:
        """While it is answered. Raises Refused 429."""
        if user and self._open[user] >= self._most:
            n = self._most
            raise Refused(429, "TooManyRequests", f"{n} of your requests are being answered already; close some pages")
        self._open[user] += 1
        try:
            yield
        finally:
            self._open[user] -= 1
            if not self._open[user]:
                del self._open[user]
