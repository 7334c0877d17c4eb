"""Who may use a studio that is not for this machine alone: a token for each user, of which only the hash is kept."""

import hashlib
import hmac
import re
import secrets

from sonic.apps.studio.store import Store, now
from sonic.errors import SettingError

LOCAL = "local"
"""The one user of a studio without tokens."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def add_token(store: Store, name: str) -> str:
    """A new token for this user, in place of an earlier one; it is shown once. Raises SettingError for a bad name."""
    if not _NAME.fullmatch(name):
        raise SettingError(f"user {name!r} is no name; use up to 32 letters, digits, dots and dashes")
    token = secrets.token_urlsafe(24)
    store.add("users", name=name, token_sha256=_hash(token), created_at=now())
    return token


def remove_token(store: Store, name: str) -> None:
    """This user's token ends. Raises SettingError if there is none."""
    if not store.rows("DELETE FROM users WHERE name = ? RETURNING name", name):
        raise SettingError(f"user {name!r} has no token here")


def user_of(store: Store, token: str) -> str | None:
    """Whose token this is."""
    wanted = _hash(token)
    for row in store.rows("SELECT name, token_sha256 FROM users"):
        if hmac.compare_digest(row["token_sha256"], wanted):
            return str(row["name"])
    return None


def has_users(store: Store) -> bool:
    """Whether tokens are asked for."""
    return store.row("SELECT 1 FROM users LIMIT 1") is not None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
