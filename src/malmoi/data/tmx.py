"""Translation memories in TMX 1.4: pairs of segments.

    <tu>
      <tuv xml:lang="en"><seg>Hello.</seg></tuv>
      <tuv xml:lang="fr"><seg>Salut.</seg></tuv>
    </tu>

The source is the language of the header's `srclang`, else of the first segment.  What stands inside
<bpt>, <ept>, <ph>, <it> and <ut> is another program's mark-up and no text.  A DOCTYPE is read over
and never fetched; a file that declares entities of its own is refused, since a few of them can
swell to any size.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from malmoi.data.examples import Pair
from malmoi.data.languages import code
from malmoi.data.lines import GZIP, check_file
from malmoi.data.pairs import Languages, chosen
from malmoi.errors import DataError, EmptyText, TextError

CHUNK = 1 << 16
FOREIGN = frozenset({"bpt", "ept", "ph", "it", "ut"})


@dataclass(frozen=True)
class Memory:
    """The pairs of a translation memory; call it and read from the first."""

    path: Path
    source: str
    target: str
    said: tuple[str, ...] = ()

    def __call__(self) -> Iterator[Pair]:
        """A unit with several translations is as many pairs; one without is none."""
        for unit in units(self.path):
            sources, targets = (
                [text for language, text in unit if code(language) == side]
                for side in (self.source, self.target)
            )
            for target in targets if sources else ():
                yield Pair(sources[0], target)


def open_tmx(path: Path, languages: Languages | None = None) -> Memory:
    """Read a memory once, to tell its languages.  Raises DataError, TextError or EmptyText."""
    seen: Counter[str] = Counter()
    whole = size = 0
    asked = tuple(map(code, languages)) if languages else ()
    reader = _Reader(path)
    for unit in reader.units():
        there = list(dict.fromkeys(code(language) for language, _ in unit))
        seen.update(there)
        size += 1
        whole += all(side in there for side in asked) if asked else len(there) > 1
    if not size:
        raise EmptyText("there is no translation unit in it", where=str(path))
    names = list(seen)
    if len(names) < 2 and not languages:
        raise DataError(
            "a translation memory has two languages",
            where=f"{path}: {', '.join(names) or 'none is named'}",
        )
    main = code(reader.source)
    names.sort(key=lambda name: name != main)
    found = chosen(names, languages, str(path)) if languages or len(names) > 2 else None
    source, target = map(code, found) if found else names[:2]
    said = [f"{path}: from {source} to {target}"]
    if whole < size:
        said.append(f"{path}: {size - whole:,} of {size:,} units have not both languages")
    return Memory(path, source, target, tuple(said))


def units(path: Path) -> Iterator[list[tuple[str, str]]]:
    """The segments of each translation unit, with their languages."""
    return _Reader(path).units()


class _Reader:
    """A TMX file, a piece at a time.  source: the header's language, once that is read."""

    def __init__(self, path: Path) -> None:
        self.path = check_file(path)
        self.source = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.parser.SkippedEntityHandler = self._skipped
        self.done: list[list[tuple[str, str]]] = []
        self.unit: list[tuple[str, str]] = []
        self.language = ""
        self.parts: list[str] | None = None
        self.foreign = 0

    def units(self) -> Iterator[list[tuple[str, str]]]:
        try:
            with self.path.open("rb") as plain:
                zipped = plain.read(len(GZIP)) == GZIP
            with gzip.open(self.path) if zipped else self.path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    self.parser.Parse(chunk, False)
                    yield from self._taken()
                self.parser.Parse(b"", True)
                yield from self._taken()
        except expat.ExpatError as error:
            raise TextError(
                "this is not well-formed XML",
                where=f"{self.path}:{error.lineno}: {expat.ErrorString(error.code)}",
                hint="is it UTF-8, as it says?  xmllint --noout FILE says more",
            ) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TextError(
                "the gzip file is cut short or damaged", where=f"{self.path}: {error}"
            ) from None
        except OSError as error:
            raise DataError(
                "the file cannot be opened", where=f"{self.path}: {error.strerror or error}"
            ) from None

    def _taken(self) -> list[list[tuple[str, str]]]:
        done, self.done = self.done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "header":
                self.source = attributes.get("srclang", "")
            case "tu":
                self.unit = []
            case "tuv":
                self.language = attributes.get("xml:lang") or attributes.get("lang", "")
            case "seg":
                self.parts = []
        self.foreign += name in FOREIGN

    def _end(self, name: str) -> None:
        if name == "seg" and self.parts is not None:
            text = "".join(self.parts)
            self.unit.append((self.language, " ".join(text.split()) if "\n" in text else text))
            self.parts = None
        elif name == "tu":
            self.done.append(self.unit)
        self.foreign -= name in FOREIGN

    def _text(self, text: str) -> None:
        if self.parts is not None and not self.foreign:
            self.parts.append(text)

    def _entity(self, name: str, *more: Any) -> None:
        raise self._refused(f"it declares the entity {name!r}")

    def _skipped(self, name: str, parameter: int) -> None:
        if not parameter:
            raise self._refused(f"it uses the entity &{name};, which is declared elsewhere")

    def _refused(self, reason: str) -> TextError:
        return TextError(
            "a translation memory with entities of its own is not read",
            where=f"{self.path}:{self.parser.CurrentLineNumber}: {reason}",
            hint="write the characters themselves",
        )
