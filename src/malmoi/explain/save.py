"""A picture as a file: .html, .svg, .json, or .png by a browser that is there already."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from malmoi import files
from malmoi.errors import UsageError
from malmoi.explain.draw import Real
from malmoi.explain.page import SVG_WIDTH
from malmoi.explain.picture import Picture, as_json

FORMS = (".html", ".svg", ".png", ".json")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0  # seconds
TALLEST = 16_000.0  # pixels that a browser draws at once
PNG = b"\x89PNG\r\n\x1a\n"


def save(picture: Picture, path: str | Path, *, width: Real = SVG_WIDTH) -> None:
    """Write a picture; the end of the name says how.  width: of an SVG or PNG, in pixels.

    Raises UsageError for another ending, and for .png where there is no browser.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".html":
            files.write(path, picture.page().html())
        case ".svg":
            files.write(path, picture.page().svg(width))
        case ".json":
            files.write(path, as_json(picture))
        case ".png":
            files.write(path, png(picture.page().svg(width)))
        case _:
            raise _unknown(path)


def check(path: str | Path) -> None:
    """Raises UsageError if nothing can be written there, before anything is computed."""
    path = Path(path)
    if path.suffix.lower() not in FORMS:
        raise _unknown(path)
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
    if path.suffix.lower() == ".png" and browser() is None:
        raise _without_browser()


def _unknown(path: Path) -> UsageError:
    return UsageError(
        f"a picture cannot be written as {path.name!r}",
        where=f"known endings: {', '.join(FORMS)}",
        hint=f"-o {path.stem or 'why'}.html",
    )


def _without_browser() -> UsageError:
    return UsageError(
        "a PNG is drawn by Chromium, and there is none here",
        where=f"looked for: {', '.join(BROWSERS)}",
        hint="install chromium, or write .svg or .html, which need nothing",
    )


def browser() -> str | None:
    """Where a browser is that draws without a window."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def png(svg: str) -> bytes:
    """The picture in dots, two to a pixel as far as a browser can."""
    found = browser()
    if found is None:
        raise _without_browser()
    width, height = (float(svg.split(f' {side}="', 1)[1].split('"', 1)[0]) for side in SIDES)
    if height > TALLEST:
        raise UsageError(
            "this picture is too tall for a PNG",
            where=f"{height:,.0f} pixels; a browser draws {TALLEST:,.0f}",
            hint="write .svg or .html",
        )
    scale = 2 if 2 * height <= TALLEST else 1
    with tempfile.TemporaryDirectory(prefix="malmoi-") as folder:
        source, target = Path(folder, "picture.svg"), Path(folder, "picture.png")
        source.write_text(svg, encoding="utf-8")
        command = [
            found,
            "--headless",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
            f"--user-data-dir={folder}/profile",
            f"--force-device-scale-factor={scale}",
            f"--window-size={width:.0f},{height:.0f}",
            f"--screenshot={target}",
            source.as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # it refuses to run as root with one
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
            told = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        except subprocess.TimeoutExpired:
            told = [f"no answer in {PATIENCE:.0f} seconds"]
        dots = target.read_bytes() if target.is_file() else b""
    if not dots.startswith(PNG):
        raise UsageError(
            "the browser drew no picture", where=[found, *told], hint="write .svg or .html"
        )
    return dots


SIDES = ("width", "height")
