r"""ARPA files: the text form of back-off n-gram models that SRILM, KenLM and the others share.

    \data\
    ngram 1=4                      how many n-grams of each order
    ngram 2=3

    \1-grams:
    -99     <s>     -0.30103       log10 p, the words, log10 β if it is not 0
    -1.5    </s>
    …
    \end\

ARPA                  here
<s>, </s>             id 0: what follows it (β of `<s>`), and itself when said (p of `</s>`)
<unk>, <UNK>          id 1: every type that is not in the vocabulary
the other 1-grams     ids 2, 3, … in the order of the file

A *type* of the text that is spelled like one of the specials (WikiText is full of the word
`<unk>`), begins with a backslash, is empty or holds white space would be read as something else.
It is written with a backslash in front, and inside it a backslash is `\\` and white space `\xHH`:

    <unk>  →  \<unk>        \<unk>  →  \\<unk>        "a b"  →  \a\x20b

Reading takes that back, and leaves alone what `escape` would not have written: `\o/` stays `\o/`.
Whoever asks KenLM about such a word must spell it as it is in the file.

A file without `<unk>` gives it log10 p = -100, as KenLM does.  p = 0, which ARPA cannot say, is
written as -99 and read as 10⁻⁹⁹.  Numbers have 12 decimal places: conditionals still sum to 1.
"""

import math
import os
import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, NoReturn, cast

import numpy as np

from malmoi import files
from malmoi.config import Sizes
from malmoi.data.formats import read_lines
from malmoi.errors import DataError, SaveError, UsageError
from malmoi.kernels import printing
from malmoi.kernels.building import Fault, Growing
from malmoi.kernels.counting import frozen
from malmoi.models.ngram import Config, NGram

BEGIN, END, UNK = "<s>", "</s>", "<unk>"
ZERO, UNKNOWN = -99.0, -100.0  # log10
CHUNK = 1 << 15  # n-grams written at a time, at most
BUFFER = 1 << 20  # bytes
LN10 = math.log(10)
WHITE = re.compile(r"[\x00- \x7f]")
SPECIAL = re.compile(r"<(s|/s|unk|UNK)>|\\.*|.*[\x00- \x7f].*|", re.DOTALL)
FIELD = re.compile(r"[^ \t]+")


def escape(spelling: str) -> str:
    r"""The way a type is written, so that nothing else is written that way."""
    if not SPECIAL.fullmatch(spelling):
        return spelling
    inside = spelling.replace("\\", "\\\\")
    return "\\" + WHITE.sub(lambda found: f"\\x{ord(found[0]):02X}", inside)


def unescape(word: str) -> str:
    r"""The type that `escape` wrote as this; anything else is itself."""
    if not word.startswith("\\"):
        return word
    spelling = re.sub(
        r"\\(\\|x[0-9A-F]{2})",
        lambda found: chr(int(found[1][1:], 16)) if len(found[1]) > 1 else "\\",
        word[1:],
    )
    return spelling if escape(spelling) == word else word


def write_arpa(path: Path, model: NGram, types: Sequence[str]) -> None:
    """Write a model; types: how ids 2, 3, … are spelled.  The file is whole or not there.

    Raises UsageError for `stupid-backoff`, which pays for histories that no file can list.
    """
    if not model.normalised:
        raise UsageError(
            f"{model.config.estimator} has no ARPA form",
            where="a word pays for every step back, also from histories that were never seen",
            hint="choose another estimator",
        )
    if len(types) + 2 != model.V:
        raise UsageError(
            "these are not the types of this model",
            where=f"{len(types)} types and 2 specials; the model has {model.V}",
        )
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            _write(file, model, [END, UNK, *map(escape, types)])
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        files.flush(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SaveError(
            f"the ARPA file could not be written: {(error.strerror or str(error)).lower()}",
            where=f"{path}    free: {files.free_bytes(path.parent):,} bytes",
        ) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write(file: IO[bytes], model: NGram, names: list[str]) -> None:
    sizes = np.diff(model.level)
    said = [f"ngram {k}={size + (k == 1)}" for k, size in enumerate(sizes, 1)]  # </s> is <s>, too
    file.write("\n".join(["\\data\\", *said, ""]).encode())
    for k in range(1, len(model.level)):
        file.write(f"\n\\{k}-grams:\n".encode())
        if k == 1:
            beta = max(model.beta[0] / LN10, ZERO) if len(model.beta) else 0.0
            file.write((f"{ZERO:g}\t{BEGIN}" + (f"\t{beta:.12g}\n" if beta else "\n")).encode())
        for some in _lines(model, k, [name.encode() for name in (*names, BEGIN)]):
            file.write(some)
    file.write(b"\n\\end\\\n")


def _lines(model: NGram, k: int, names: list[bytes]) -> Iterator[memoryview]:
    """The lines of all k-grams, some megabytes at a time."""
    spelled = np.frombuffer(b"".join(names), np.uint8)
    name = np.cumsum([0, *map(len, names)])
    path = np.array(model.level[:k], np.int64)
    out = np.empty(BUFFER + k * int(np.diff(name).max() + 1), np.uint8)
    word, first = frozen(model.word), frozen(model.first)
    node, end = model.level[k - 1], model.level[k]
    while node < end:
        some = slice(node, min(node + CHUNK, end))
        logp = np.clip(model.logp[some] / LN10, ZERO, 0.0)
        beta = np.zeros(len(logp))
        if k < model.config.order:
            beta = np.maximum(model.beta[some] / LN10, ZERO)
            beta[model.word[some] == 0] = 0.0  # </s> is no history
        node, size = printing.lines(
            k, node, some.stop, path, word, first, logp, beta, spelled, name, out
        )
        yield out[:size].data


def read_arpa(path: Path) -> tuple[NGram, list[str]]:
    """A model, and the spelling of its types 2, 3, … in order.

    Raises DataError with the line that cannot be right, TextError if the bytes are no text.
    """
    with closing(cast(Generator[str, None, None], read_lines(path))) as lines:
        return _Reader(path, lines).read()


class _Reader:
    def __init__(self, path: Path, lines: Iterator[str]) -> None:
        self.path = path
        self.lines = lines
        self.number = 0
        self.line = ""

    def read(self) -> tuple[NGram, list[str]]:
        sizes = self.sizes()
        words, logp, beta = self.unigrams(sizes[0])
        trie = Growing(len(words))
        for k, size in enumerate(sizes[1:], 2):
            grams, p, b = self.section(k, size, words, last=k == len(sizes))
            order = trie.add(grams)
            if isinstance(order, Fault):
                self.number += order.row + 1 - size  # from the section's last line to its own
                gram = " ".join(list(words)[w] for w in grams[order.row].tolist())
                why = "is there twice" if order.repeated else "is there, but its history is not"
                self.refuse(f"an n-gram {why}", found=gram)
            logp = np.concatenate([logp, p[order]])
            beta = np.concatenate([beta, b[order]])
        if (end := self.next_line()) != "\\end\\":
            self.refuse("more n-grams than \\data\\ says, or no \\end\\", found=end)
        types = [unescape(word) for word in list(words)[2:]]
        if len(set(types)) < len(types):
            repeated = next(t for i, t in enumerate(types) if t in types[:i])
            raise DataError("two 1-grams spell the same type", where=f"{self.path}: {repeated!r}")
        model = Config(order=len(sizes), estimator="arpa").build(Sizes(len(words)))
        index = np.int32 if len(trie.word) < 2**31 else np.int64
        model.level, model.word = tuple(trie.level), trie.word
        model.first, model.link = trie.first.astype(index), trie.link.astype(index)
        model.logp, model.beta = logp * LN10, beta[: len(model.first) - 1] * LN10
        return model, types

    def next_line(self) -> str:
        """The next line that is not blank, "" after the last."""
        while True:
            self.number += 1
            line = next(self.lines, None)
            self.line = (line or "").strip(" \t")
            if line is None or self.line:
                return self.line

    def refuse(self, why: str, *, found: str) -> NoReturn:
        found = found if len(found) < 80 else found[:77] + "…"
        raise DataError(f"not an ARPA file: {why}", where=f"{self.path}:{self.number}: {found!r}")

    def sizes(self) -> list[int]:
        if (line := self.next_line()) != "\\data\\":
            self.refuse("it does not begin with \\data\\", found=line)
        sizes: list[int] = []
        while found := re.fullmatch(r"ngram +(\d+) *= *(\d+)", self.next_line(), re.ASCII):
            if int(found[1]) != len(sizes) + 1:
                self.refuse(f"ngram {len(sizes) + 1}=… should be here", found=self.line)
            sizes.append(int(found[2]))
        if not sizes:
            self.refuse("no 'ngram 1=…' after \\data\\", found=self.line)
        if not 0 < sizes[0] < 2**31 or len(sizes) > 64:
            self.refuse("these sizes cannot be", found=f"{len(sizes)} orders, {sizes[0]} 1-grams")
        self.header(1, self.line)
        return sizes

    def header(self, k: int, line: str) -> None:
        if line != f"\\{k}-grams:":
            self.refuse(f"\\{k}-grams: should be here", found=line)

    def rows(self, k: int, size: int, *, last: bool) -> Iterator[tuple[float, list[str], float]]:
        """log10 p, the words, and log10 β of every n-gram of a section."""
        for seen in range(size):
            self.number += 1
            self.line = next(self.lines, "")
            fields = self.line.replace("\t", " ").split(" ")
            if "" in fields:
                fields = FIELD.findall(self.line)
            if not fields or fields[0].startswith("\\"):
                self.refuse(f"{seen} {k}-grams, not the {size} that \\data\\ says", found=self.line)
            if not k < len(fields) < k + 3:
                self.refuse(
                    f"a {k}-gram has {k + 1} or {k + 2} fields, not {len(fields)}", found=self.line
                )
            try:
                beta = float(fields.pop()) if len(fields) == k + 2 else 0.0
                p = float(fields.pop(0))
            except ValueError:
                self.refuse("a number cannot be read", found=self.line)
            if not p <= 0.0 or not beta < math.inf:
                self.refuse("a log-probability is above 0 or not a number", found=self.line)
            yield p, fields, 0.0 if last else beta

    def unigrams(self, size: int) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
        words, specials = {END: 0, UNK: 1}, set()
        logp, beta = array("d", [0.0, UNKNOWN]), array("d", [0.0, 0.0])
        for p, (found,), b in self.rows(1, size, last=False):
            word = UNK if found == "<UNK>" else found
            if word in specials or (word in words and word not in (END, UNK)):
                self.refuse("a 1-gram is there twice", found=self.line)
            if word in (BEGIN, END, UNK):
                specials.add(word)
            if word == BEGIN:
                beta[0] = b
            elif word == END:
                logp[0] = p
            elif word == UNK:
                logp[1], beta[1] = p, b
            else:
                words[word] = len(words)
                logp.append(p)
                beta.append(b)
        for word in (BEGIN, END):
            if word not in specials:
                self.refuse(f"no {word} among the 1-grams", found=self.line)
        return words, np.array(logp), np.array(beta)

    def section(
        self, k: int, size: int, words: dict[str, int], *, last: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Its n-grams as ids, and log10 p and β of each."""
        self.header(k, self.next_line())
        ids = {**words, BEGIN: -1}
        grams, logp, beta = array("i"), array("d"), array("d")
        for p, gram, b in self.rows(k, size, last=last):
            try:
                here = [ids[w] for w in gram]
            except KeyError as error:
                self.refuse(f"{error} is not among the 1-grams", found=self.line)
            if -1 in here[1:] or 0 in here[:-1]:
                self.refuse(f"{BEGIN} only begins and {END} only ends an n-gram", found=self.line)
            grams.extend(here)
            logp.append(p)
            beta.append(b)
        rows = np.maximum(np.array(grams, np.int64).reshape(size, k), 0)  # <s> is 0 too
        return rows, np.array(logp), np.array(beta)
