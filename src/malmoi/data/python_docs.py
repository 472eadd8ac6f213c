"""`python-docs`: the English that every Python carries (`pydoc_data.topics`, what `help("with")`
shows), as sentences.

The topics are reStructuredText that was rendered as plain text.  Kept is the prose: headings,
paragraphs, list items and the descriptions under a signature, each paragraph unfolded and cut into
sentences, one a line.  Left out are program text, grammar productions, tables, signatures,
underlines and the `*` of emphasis.

Topics quote one another at length (`with` stands in `compound` word for word), so a split by topic
alone would have the test set in the training set.  Therefore each sentence is kept once, in the
longest topic that has it, and a topic goes as a whole to one split: in the order of the
SHA-256 of their names topics fill test and valid, up to a tenth of the sentences each.
"""

import hashlib
import platform
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache

SHARE = 0.1  # of the sentences, for valid and for test, at most

WORD = re.compile(r"""["'(\[*]*[A-Za-z][A-Za-z'-]*["')\]*.,:;!?]*|[-–—]+|\d+[.,)]?""")
SENTENCE_END = re.compile(
    r"""(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)["')\]]*\s+(?=[A-Z]|["'(“])"""
)
BULLET = re.compile(r"^(\*|\d+\.|[a-z]\)|\[\d+\]|-\[|-)\s+")
PROGRAM = re.compile(r"::=|>>>| # ")
HYPHEN = re.compile(r"[A-Za-z]-$")
UNDERLINE = re.compile(r"^([*=\-~^])\1{2,}$")
EMPHASIS = re.compile(r"(?<![\w*\"])\*{1,2}(\w[^*\"]*?)\*{1,2}(?![\w*\"])")
FOOTNOTE_MARK = re.compile(r"\s\[\d+\](?=[\s.,;:)]|$)")


def is_prose(paragraph: str) -> bool:
    """Whether an unfolded paragraph is language: four words or more, and most of it words."""
    parts = paragraph.split()
    words = sum(WORD.fullmatch(part) is not None for part in parts)
    return words >= 4 and words >= 0.6 * len(parts) and paragraph[-1] in ".:;!?)\"'"


def paragraphs(topic: str) -> Iterator[str]:
    """The prose of a topic, a paragraph a string, and its headings."""
    for block in re.split(r"\n\s*\n", topic):
        rows = textwrap.dedent(block.strip("\n")).split("\n")
        if len(rows) == 2 and UNDERLINE.match(rows[1]):
            yield rows[0].strip()
            continue
        if len(rows) > 1 and rows[1].startswith("   ") and not BULLET.match(rows[0]):
            rows = textwrap.dedent("\n".join(rows[1:])).split("\n")  # a term, then what it is
        items: list[str] = []
        for row in rows:
            if BULLET.match(row) or not items:
                items.append(BULLET.sub("", row).strip())
            else:  # "zero-" at the end of a row goes on without a space
                items[-1] += ("" if HYPHEN.search(items[-1]) else " ") + row.strip()
        for item in items:
            if item and not PROGRAM.search(item) and is_prose(item):
                yield item


def sentences(paragraph: str) -> list[str]:
    """Cut after a full stop that a capital follows; emphasis and footnote marks taken away."""
    plain = FOOTNOTE_MARK.sub("", EMPHASIS.sub(r"\1", paragraph))
    return [" ".join(s.split()) for s in SENTENCE_END.split(plain)]


def distinct(topics: Mapping[str, str]) -> dict[str, list[str]]:
    """The sentences of each topic that no longer topic has, in the topic's order."""
    seen: set[str] = set()
    kept: dict[str, list[str]] = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        kept[name] = []
        for paragraph in paragraphs(topics[name]):
            for sentence in sentences(paragraph):
                if sentence not in seen:
                    seen.add(sentence)
                    kept[name].append(sentence)
    return {name: lines for name, lines in kept.items() if lines}


def split(kept: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Topics to train, valid and test, by the SHA-256 of their names."""
    room = SHARE * sum(len(lines) for lines in kept.values())
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for name in sorted(kept, key=lambda name: hashlib.sha256(name.encode()).digest()):
        lines = kept[name]
        for part in ("test", "valid", "train"):
            if part == "train" or len(parts[part]) + len(lines) <= room:
                parts[part] += lines
                break
    return parts


@cache
def python_docs() -> dict[str, list[str]]:
    """The three splits, from the Python that runs this."""
    from pydoc_data.topics import topics

    return split(distinct(topics))


def edition() -> str:
    """The text differs a little from one Python to the next, and so do results on it."""
    return f"python-docs as Python {platform.python_version()} carries it"
