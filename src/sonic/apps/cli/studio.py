"""``sonic studio``: the web page, for people who never open a terminal again after this."""

import argparse
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli.options import add_command
from sonic.apps.cli.show import Reporter
from sonic.errors import SettingError, import_failure

if TYPE_CHECKING:
    from sonic.apps.studio.config import Config

EPILOG = """\
It answers this machine alone, and everybody who is on it. Others on the network reach it with --host and a token each:

  sonic studio                                  start it and open the browser
  sonic studio --add-token ada                  print a new token for ada; from then on everybody needs one
  sonic studio --host 0.0.0.0 --no-browser      for the network; put a proxy with HTTPS before it, for camera and
                                                microphone work only there: --allow-host studio.example.org

Uploads, jobs and videos lie in its folder; jobs go on where they were, however the server stopped.
"""


def add_studio(parent: Any) -> None:
    """The command."""
    help_ = "Open the studio: a web page that makes, shows and verifies videos (extra `studio`)."
    command = add_command(
        parent, "studio", help_, studio, EPILOG, when_stopped="jobs resume when the studio is started again"
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    command.add_argument("--port", type=int, default=8747, help="port, 0 for any that is free (default: %(default)s)")
    command.add_argument("--folder", type=Path, help="where everything lies (default: studio in SONIC_HOME)")
    command.add_argument(
        "--allow-host", metavar="NAME", action="append", default=[], help="a name under which a proxy is reached"
    )
    command.add_argument("--workers", type=int, default=1, help="videos made at the same time (default: %(default)s)")
    command.add_argument(
        "--quota", metavar="GB", type=float, default=20.0,
        help="what uploads and videos of one user with a token may take (default: %(default)g)",
    )  # fmt: skip
    command.add_argument("--no-browser", action="store_true", help="do not open the page")
    command.add_argument("--add-token", metavar="NAME", help="make a token for a user, print it, and end")
    command.add_argument("--remove-token", metavar="NAME", help="end a user's token")


def studio(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic studio``"""
    try:
        from sonic.apps.studio.server import serve
        from sonic.apps.studio.studio import Studio
    except ImportError as error:
        raise import_failure(error, "the studio", "'sonic-talk[studio]'") from error
    config = _config(arguments)
    if arguments.add_token or arguments.remove_token:
        _change_tokens(config, arguments, reporter)
        return

    def ready(address: str) -> None:
        reporter.result(f"{address}  the studio; Ctrl-C stops it", address=address)
        if not arguments.no_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    with Studio(config) as opened:
        _check_tokens(opened.store, config)
        serve(opened, ready)


def _config(arguments: argparse.Namespace) -> "Config":
    from sonic.apps.studio.config import Config, default_folder

    if not 0 <= arguments.port <= 65535:
        raise SettingError(f"--port is {arguments.port}; it must be from 0 to 65535")
    if not 1 <= arguments.workers <= 64:
        raise SettingError(f"--workers is {arguments.workers}; it must be from 1 to 64")
    if not 0 < arguments.quota <= 1_000_000:
        raise SettingError(f"--quota is {arguments.quota:g} GB; it must be above 0 and at most 1000000")
    return Config(
        folder=(arguments.folder or default_folder()).absolute(),
        host=arguments.host,
        port=arguments.port,
        allowed_hosts=tuple(arguments.allow_host),
        workers=arguments.workers,
        quota_bytes=round(arguments.quota * 1e9),
    )


def _change_tokens(config: "Config", arguments: argparse.Namespace, reporter: Reporter) -> None:
    from sonic.apps.studio.store import Store
    from sonic.apps.studio.studio import NOTES
    from sonic.apps.studio.tokens import add_token, remove_token

    config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(config.folder / NOTES)
    try:
        if name := arguments.remove_token:
            remove_token(store, name)
            reporter.result(f"the token of {name} has ended", user=name)
        if name := arguments.add_token:
            token = add_token(store, name)
            reporter.result(f"{token}  the token of {name}; it is shown this once", user=name, token=token)
    finally:
        store.close()


def _check_tokens(store: Any, config: "Config") -> None:
    from sonic.apps.studio.tokens import has_users

    if not config.is_local and not has_users(store):
        raise SettingError(
            f"--host {config.host} opens the studio to the network, and it has no tokens; make one for each user "
            "first: sonic studio --add-token NAME"
        )
