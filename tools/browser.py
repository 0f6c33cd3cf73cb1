"""Find a browser, which no package brings."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = f"no browser: none of {', '.join(NAMES)} is on the path, and CHROMIUM names none"


def browser():
    """Return the path of Chromium or Chrome, or None."""
    names = (os.environ.get("CHROMIUM"), *NAMES)
    return next(filter(None, (shutil.which(name) for name in names if name)), None)
