"""Sentences with tags in columns: CoNLL-U, and the plain columns of CoNLL.

CoNLL-U (universaldependencies.org/format.html): ten columns, the words numbered; rows of several
words at once (`3-4`) and of words that are not there (`5.1`) are no words.  The sentence as it was
written is `# text`, where the words stand in it in their order, else the words with the spaces
that SpaceAfter=No does not take away.

CoNLL: a word and its tags in columns, between tabs if the first row has one, else between spaces;
a blank line ends a sentence.  `-DOCSTART-` is passed over, and before a sentence a line that
begins with `#` and is no row: `#NLProc⇥O` is one.  Where a space can be a word, the words are
characters, and the sentence is written without anything between them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from malmoi.data.examples import Span, Tagged, joined
from malmoi.data.formats import read_lines
from malmoi.data.rows import shown
from malmoi.errors import EmptyText, TextError
from malmoi.metrics.schemes import Fault, check, sniff

Kind: TypeAlias = Literal["conllu", "conll"]
UPOS = {"upos": 3, "xpos": 4, "lemma": 2, "feats": 5, "deprel": 7, "head": 6}
WIDTH, FORM, MISC = 10, 1, 9
DOCUMENT = "-DOCSTART-"
TAG = re.compile(r"O|[BIESLU]-\S+")


class Numbered(NamedTuple):
    """A sentence, and the line of its first word."""

    number: int
    sentence: Tagged


class _Row(NamedTuple):
    number: int
    cells: list[str]


@dataclass(frozen=True)
class Sentences:
    """A file that was read once and is in order; call it and read from the first.

    glue: what stood between the words of plain CoNLL.  column: the one usually meant.
    """

    path: Path
    kind: Kind
    glue: str = " "
    column: str = ""
    said: tuple[str, ...] = ()

    def __call__(self) -> Iterator[Tagged]:
        return (sentence for _, sentence in self.numbered())

    def numbered(self) -> Iterator[Numbered]:
        lines = read_lines(self.path)
        if self.kind == "conllu":
            return read_conllu(lines, str(self.path))
        return read_conll(lines, str(self.path), self.glue)


def open_sentences(path: Path, kind: Kind) -> Sentences:
    """Read a file once, to see that it is in order.

    Raises EmptyText without a sentence, TextError where a row is none, or where the last column
    of plain CoNLL mixes BIO and BIOES.
    """
    if kind == "conllu":
        found = Sentences(path, kind, column="upos")
        if not any(True for _ in found()):
            raise EmptyText("there is no sentence in this file", where=str(path))
        return found
    found = Sentences(path, kind, column="-1")
    count = 0
    spaces, tags = False, set[str]()
    for count, sentence in enumerate(found(), start=1):  # noqa: B007
        spaces = spaces or any(word.isspace() for word in sentence.words)
        tags.update(sentence.columns["-1"])
    if not count:
        raise EmptyText("there is no sentence in this file", where=str(path))
    said = ["the words are characters, spaces among them"] if spaces else []
    said += _scheme(found, tags)
    glue = "" if spaces else " "
    return Sentences(path, kind, glue, "-1", tuple(f"{path}: {it}" for it in said))


def _scheme(found: Sentences, tags: set[str]) -> list[str]:
    """What to say of the entities in the last column.  Raises TextError if schemes are mixed."""
    prefixes = {tag[:1] for tag in tags if TAG.fullmatch(tag)}
    if all(map(TAG.fullmatch, tags)) and prefixes & {"L", "U"}:
        what, hint = "the tags are BILOU", "write E for L and S for U: that is BIOES"
        raise TextError(what, where=f"{found.path}: {', '.join(sorted(tags)[:8])}", hint=hint)
    scheme = sniff(sentence.columns["-1"] for sentence in found())
    if scheme == "none":
        return []
    faults = 0
    for number, sentence in found.numbered():
        of = sentence.columns["-1"]
        wrong = check(of, scheme)
        if scheme == "bioes" and wrong:
            raise _mixed(found.path, number, wrong[0])
        faults += len(wrong)
    said = [f"the last column is entities in {scheme.upper()}"]
    if faults:
        why = "I continues no entity of its label" if scheme == "bio" else "B is needless"
        said.append(f"{faults:,} tags are illegal ({why}) and begin no entity when they are scored")
    return said


def _mixed(path: Path, number: int, fault: Fault) -> TextError:
    where = f"{path}:{number + fault.at}: {fault.tag!r}: {fault.why}"
    hint = "write every sentence in one scheme, BIO or BIOES"
    return TextError("the tags mix BIO and BIOES", where=where, hint=hint)


def read_conll(lines: Iterable[str], name: str, glue: str = " ") -> Iterator[Numbered]:
    """The sentences of plain CoNLL.  Raises TextError at a row that is not like the first."""
    rows: list[_Row] = []
    width, tabs = 0, False
    number = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            if rows:
                yield _plain(rows, glue)
            rows = []
            continue
        if not width:
            tabs = "\t" in line
        row = line.split("\t") if tabs else line.split()
        if row[0] == DOCUMENT or (not rows and _comment(line, row, width)):
            continue
        width = width or len(row)
        if len(row) != width or width < 2:
            what = "a row has not as many columns as the first" if width > 1 else "a row has no tag"
            where = f"{name}:{number}: {shown(line)}, {len(row)} columns, {width} in the first row"
            hint = (
                "a row is a word and its tags, between tabs or spaces; a blank line ends a sentence"
            )
            raise TextError(what, where=where, hint=hint)
        if not row[0] or not all(tag.strip() for tag in row[1:]):
            what = "a row has no tag" if row[0] else "a row has no word"
            raise TextError(what, where=f"{name}:{number}: {shown(line)}")
        rows.append(_Row(number, row))
    if rows:
        yield _plain(rows, glue)


def _comment(line: str, row: list[str], width: int) -> bool:
    """Whether a line before a sentence that begins with # is no word with tags."""
    if not line.startswith("#"):
        return False
    if "\t" in line:
        return line.lstrip("#").startswith(" ")  # no word has a space in it
    return not (len(row) in (width, 2) and TAG.fullmatch(row[-1]))


def _plain(rows: list[_Row], glue: str) -> Numbered:
    words = tuple(row.cells[0] for row in rows)
    columns = {str(i): tuple(row.cells[i] for row in rows) for i in range(1, len(rows[0].cells))}
    columns["-1"] = columns[str(len(rows[0].cells) - 1)]
    text, spans = joined(words, glue)
    return Numbered(rows[0].number, Tagged(words, columns, text, spans))


def read_conllu(lines: Iterable[str], name: str) -> Iterator[Numbered]:
    """The sentences of CoNLL-U.  Raises TextError at a row that is none."""
    rows: list[_Row] = []
    text = ""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            if words := [row for row in rows if row.cells[0].isdecimal()]:
                yield Numbered(words[0].number, _annotated(rows, words, text))
            rows, text = [], ""
        elif line.startswith("#"):
            key, equals, value = line[1:].partition("=")
            if equals and key.strip() == "text":
                text = value.strip()
        else:
            row = line.split("\t")
            due = sum(it.cells[0].isdecimal() for it in rows) + 1
            if problem := _problem(row, due):
                hint = "CoNLL-U has ten columns between tabs; name plain columns .conll"
                raise TextError(problem, where=f"{name}:{number}: {shown(line)}", hint=hint)
            rows.append(_Row(number, row))
    if words := [row for row in rows if row.cells[0].isdecimal()]:
        yield Numbered(words[0].number, _annotated(rows, words, text))


def _problem(row: list[str], due: int) -> str:
    if len(row) != WIDTH:
        return f"a row of CoNLL-U has {WIDTH} columns, this one {len(row)}"
    if not re.fullmatch(r"\d+([-.]\d+)?", row[0]):
        return "a row of CoNLL-U begins with the number of its word"
    if row[0].isdecimal() and int(row[0]) != due:
        return f"the words of a sentence count from 1, and this would be {due}"
    return "" if row[FORM] else "a row has no word"


def _annotated(rows: list[_Row], words: list[_Row], text: str) -> Tagged:
    pieces = _pieces(rows)
    spans = _stand(pieces, text)
    if spans is None:  # no `# text`, or not the text of these words
        text = "".join(form + gap for form, gap, _ in pieces).rstrip()
        spans = _stand(pieces, text)
        assert spans is not None, text
    forms = tuple(row.cells[FORM] for row in words)
    columns = {name: tuple(row.cells[i] for row in words) for name, i in UPOS.items()}
    return Tagged(forms, columns, text, spans)


class _Piece(NamedTuple):
    """What was written, what is between it and the next, and the words it is."""

    form: str
    gap: str
    words: list[str]


def _pieces(rows: list[_Row]) -> list[_Piece]:
    found: list[_Piece] = []
    last, within = 0, 0  # the last word of a row of several, and how many it still covers
    for _, row in rows:
        number, _, end = row[0].partition("-")
        gap = "" if "SpaceAfter=No" in row[MISC].split("|") else " "
        if end:
            found.append(_Piece(row[FORM], gap, []))
            last, within = int(end), int(end) - int(number) + 1
        elif number.isdecimal() and within and int(number) <= last:
            found[-1].words.append(row[FORM])
            within -= 1
        elif number.isdecimal():
            found.append(_Piece(row[FORM], gap, [row[FORM]]))
    return found


def _stand(pieces: list[_Piece], text: str) -> tuple[Span, ...] | None:
    """Where each word stands in the text; None if the text is not of these words."""
    spans: list[Span] = []
    at = 0
    for form, _, words in pieces:
        start = text.find(form, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(form)
        if "".join(words) == form:
            for word in words:
                spans.append((start, start + len(word)))
                start += len(word)
        else:
            spans += [(start, at)] * len(words)
    return None if text[at:].strip() else tuple(spans)
