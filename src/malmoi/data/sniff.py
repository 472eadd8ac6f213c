"""What a file holds, before anyone trains on it."""

import gzip
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from malmoi.data.lines import BOM, GZIP, decoded, without_end
from malmoi.text.normalise import nfc
from malmoi.text.tokenizer import Given

EXAMPLES, SHOWN = 3, 80
LONG = 100_000
SCRIPTS = {"HANGUL": "Hangul", "LATIN": "Latin", "CJK": "Han"}

BEWARE = {
    "\r": "CR inside lines",
    "\x0b": "vertical tabs (they do not end a line here)",
    "\x0c": "form feeds (they do not end a line here)",
    "\x85": "U+0085 next-line characters (they do not end a line here)",
    "\u2028": "U+2028 line separators (they do not end a line here)",
    "\u2029": "U+2029 paragraph separators (they do not end a line here)",
    "\u200b": "zero-width spaces (no one sees them, models do)",
    "\ufeff": "byte order marks inside the text",
    "\ufffd": "replacement characters: the text was damaged before it came here",
}


@dataclass(frozen=True)
class Sniff:
    """What `malmoi data inspect` shows.

    characters, bytes: of the NFC form, a line end counted as one, as in bits per character.
    words: what spaces and tabs separate.  scripts: shares of the characters that are not white.
    """

    file: str
    encoding: str
    line_ends: str
    lines: int
    blank_lines: int
    words: int
    characters: int
    bytes: int
    longest_line: int
    longest_line_number: int
    nfc: bool
    scripts: Mapping[str, float]
    examples: tuple[str, ...]
    warnings: tuple[str, ...]


def sniff(path: Path | str) -> Sniff:
    """Read the whole file once and say what is in it.  Raises as `read_lines` does."""
    ends: Counter[str] = Counter()  # of lines
    seen: Counter[str] = Counter()  # characters
    tabs: Counter[int] = Counter()  # of lines with so many
    lines, blank, words, octets, changed = 0, 0, 0, 0, 0
    longest, longest_at = -1, 0
    examples: list[str] = []
    split = Given().split
    for lines, written in enumerate(decoded(path), start=1):
        raw = without_end(written)
        line = nfc(raw)
        ends[written[len(raw) :]] += 1
        seen.update(line)
        tabs[line.count("\t")] += 1
        blank += not line.strip()
        words += len(split(line))
        octets += len(line.encode()) + 1
        changed += line != raw
        if len(line) > longest:
            longest, longest_at = len(line), lines
        if len(examples) < EXAMPLES and line.strip():
            examples.append(_visible(line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"))
    warnings = [f"{seen[c]:,} {what}" for c, what in BEWARE.items() if c in seen]
    if changed:
        warnings.append(f"{changed:,} lines are not in NFC: malmoi composes them as it reads")
    if ends["\n"] and ends["\r\n"]:
        warnings.append("the line ends are mixed")
    if longest > LONG:
        warnings.append(f"line {longest_at:,} has {longest:,} characters")
    if len(tabs) == 1 and 0 not in tabs:
        warnings.append(f"every line has {tabs.popitem()[0] + 1} columns: is all of it text?")
    if blank == lines:
        warnings.append("there is no line with anything on it")
    return Sniff(
        file=str(path),
        encoding=_encoding(Path(path)),
        line_ends=_line_ends(ends),
        lines=lines,
        blank_lines=blank,
        words=words,
        characters=seen.total() + lines,
        bytes=octets,
        longest_line=longest,
        longest_line_number=longest_at,
        nfc=changed == 0,
        scripts=_scripts(seen),
        examples=tuple(examples),
        warnings=tuple(warnings),
    )


def _visible(line: str) -> str:
    """The line with what does not print as escapes: a terminal obeys some of it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _encoding(path: Path) -> str:
    """UTF-8, or the reader would have refused; with the mark and the wrapping it came in."""
    with path.open("rb") as file:
        zipped = file.read(len(GZIP)) == GZIP
    with gzip.open(path) if zipped else path.open("rb") as text:
        marked = text.read(len(BOM)) == BOM
    return "UTF-8" + ", with a byte order mark" * marked + ", in gzip" * zipped


def _line_ends(ends: Counter[str]) -> str:
    names = {"\n": "LF", "\r\n": "CR LF"}
    kinds = [f"{name} ({ends[end]:,})" for end, name in names.items() if ends[end]]
    if len(kinds) == 1:
        kinds = [kinds[0].split(" (")[0]]
    return (" and ".join(kinds) or "none") + ", none after the last line" * bool(ends[""] and kinds)


def _scripts(seen: Counter[str]) -> dict[str, float]:
    """The share of each script among the characters that are not white, the largest first."""
    counts: Counter[str] = Counter()
    for character, count in seen.items():
        if not character.isspace():
            counts[script(character)] += count
    total = counts.total()
    return {name: n / total for name, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))}


def script(character: str) -> str:
    """The script of a letter or mark (the first word of its Unicode name), digits, or signs."""
    category = unicodedata.category(character)
    if category[0] in "LM":
        word = unicodedata.name(character, "other").split()[0]
        return SCRIPTS.get(word, word.capitalize())
    return "digits" if category == "Nd" else "signs"
