"""What the checks of the built site share: its pages, a server at its real address, a browser."""

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from browser import MISSING  # noqa: E402
from browser import browser as find_browser  # noqa: E402

SITE = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
BASE = CONFIG["sphinx"]["config"]["html_baseurl"]
PREFIX = urlsplit(BASE).path  # where the site lies on its host
# Made by others, and not pages of the book.
FOREIGN = {"_static", "_sources", "lite"}


def pages():
    """Return the pages of the built site, as paths below it."""
    found = (path.relative_to(SITE) for path in SITE.rglob("*.html"))
    return sorted(path.as_posix() for path in found if path.parts[0] not in FOREIGN)


def pytest_configure(config):
    """Say what is missing before anything is checked."""
    if not (SITE / "index.html").exists():
        pytest.exit(f"no site in {SITE}: run make book first", returncode=2)


def pytest_generate_tests(metafunc):
    """Ask a question of every page."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", pages())


class Site(SimpleHTTPRequestHandler):
    """The site where it will lie, with its own page for what there is not."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path):
        """Find a file below the prefix."""
        inside = path.startswith(PREFIX)
        return super().translate_path("/" + path[len(PREFIX) :] if inside else "/outside")

    def send_error(self, code, message=None, explain=None):
        """Answer as the host of the site does."""
        body = (SITE / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Be quiet."""


@pytest.fixture(scope="session")
def address():
    """Serve the site on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """Start one browser for each worker, where there is one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_browser()
    if path is None:
        pytest.skip(MISSING)
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()
