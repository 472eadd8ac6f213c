"""The tree of a beam search: what was tried, what was dropped, and what was found.

Every candidate that a step of the search considered is a word of the tree, beside the word that it
continues.  The best text is drawn strong, the other ones that were found plain; what found no slot,
or lost its slot to something likelier later on, is grey.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from malmoi.decode.alignment import kept
from malmoi.decode.beam import BeamStep, beam_steps
from malmoi.decode.hypothesis import Hypothesis
from malmoi.decode.window import endless
from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.branches import Branches, Leaf
from malmoi.explain.page import Page
from malmoi.explain.picture import STRICT, title_of, visible
from malmoi.explain.written import decoded, read, spelt
from malmoi.tasks.paired import PENALTY
from malmoi.text import Vocabulary
from malmoi.use.language_model import LanguageModel
from malmoi.use.translator import Translator


@dataclass(frozen=True, config=STRICT)
class Node:
    """A word that was considered.  parent: which node it continues, -1 for the beginning.

    log_prob: of the whole text up to it.  kept: it found a slot.  rank: of the best text that was
    found through it, 1 the best of all; 0: none was.
    """

    parent: int
    token: str
    log_prob: float
    kept: bool
    rank: int


@dataclass(frozen=True, config=STRICT)
class Text:
    """One that was found.  node: its last."""

    text: str
    score: float
    node: int


@dataclass(frozen=True, config=STRICT)
class BeamTree:
    """nodes: parents before children, of equals the likelier first.  found: the best first.

    continues: text is not what was translated but what a language model writes on from.
    """

    text: str
    width: int
    nodes: tuple[Node, ...]
    found: tuple[Text, ...]
    continues: bool = False
    kind: Literal["beam"] = "beam"

    def page(self) -> Page:
        each = "" if self.continues else " a token"
        lead = (
            "From left to right what was considered: strong the best, plain what was found besides,"
            f" grey what was dropped. At the end of a text its log-probability{each}."
        )
        ends = {said.node: (rank, said) for rank, said in enumerate(self.found, 1)}
        leaves = [
            Leaf(
                node.parent,
                visible(node.token),
                node.rank,
                f"{node.log_prob:.2f}" + ("" if node.rank else ", dropped"),
                f"{ends[i][0]}.  {ends[i][1].score:.2f}".replace("-", "−") if i in ends else "",
            )
            for i, node in enumerate(self.nodes)
        ]
        slots = "1 slot" if self.width == 1 else f"{self.width} slots"
        best = self.found[0].text
        dropped = sum(not node.rank for node in self.nodes)
        written = f"“{best}”" if best else "nothing"
        does = f"writes {'on ' if self.continues else ''}{written}"
        if self.continues and not best:
            does = "ends the line here"
        finding = (
            f"The model {does}: a search with {slots} "
            f"considered {len(self.nodes):,} words, found {len(self.found)} of its texts and "
            f"dropped {dropped:,} words on the way."
        )
        label = "the tree of the search"
        blocks = (Heading("How it was found", lead), Graphic(Branches(leaves).draw, label))
        title = title_of(self.text) or "The beginning of a line"
        return Page(f"{title} …" if self.continues else title, finding, blocks)


def grown(
    steps: Sequence[BeamStep], found: Sequence[Hypothesis], row: int = 0, *, eos: int = 0
) -> tuple[list[tuple[int, int, float, bool]], list[list[int]]]:
    """(parent, token, log p, kept) of every node, and the nodes of each hypothesis in turn."""
    nodes: list[tuple[int, int, float, bool]] = []
    after: dict[tuple[int, int], int] = {}  # what node, with what token → which node
    at: dict[int, int] = {}  # the slot of the step before → node
    for t, step in enumerate(steps):
        now: dict[int, int] = {}
        columns = (step.parent[row], step.token[row], step.log_prob[row], step.kept[row])
        for slot, (parent, token, log_prob, fits) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            before = at.get(parent, -1) if t else -1
            if log_prob == -torch.inf or (t and before < 0):
                continue
            now[slot] = after[before, token] = len(nodes)
            nodes.append((before, token, log_prob, fits))
        at = now
    paths = []
    for one in found:
        path, node = [], -1
        for token in [*one.tokens, *([eos] if one.finished else [])]:
            node = after[node, token]
            path.append(node)
        paths.append(path)
    return nodes, paths


def beam_tree(translator: Translator, text: str, *, beam: int = 5) -> BeamTree:
    """The search by which `translate` finds the translation of a text.

    Raises EmptyText for a text of no token.
    """
    model, source = translator.model, read(translator, text).sentences
    limit = translator.bitext.limit(source.ids.size(1))
    x = source.ids.new_zeros(1, 1)
    with torch.no_grad():
        begin = model.begin(source)
    steps, (found,) = kept(
        beam_steps(
            model, begin, x, width=beam, n=beam, limit=limit, penalty=PENALTY,
            forbid=(Vocabulary.UNK,),
        )
    )  # fmt: skip
    said = [decoded(translator, one) for one in found]
    return _tree(text, beam, steps, found, said, lambda ids: spelt(translator, ids))


def continuations(
    lm: LanguageModel, prompt: str, *, beam: int = 5, max_tokens: int = 12
) -> BeamTree:
    """The search by which `generate` goes on from a prompt, with so many slots."""
    model = endless(lm.model)
    x = torch.tensor([[Vocabulary.BOUNDARY, *lm.text.encode(prompt)]], device=lm.device)
    steps, (found,) = kept(
        beam_steps(
            model, model.begin(1), x, width=beam, n=beam, limit=max_tokens,
            forbid=(Vocabulary.UNK,),
        )
    )  # fmt: skip
    said = [g.continuation for g in lm.generate(prompt, n=beam, beam=beam, max_tokens=max_tokens)]
    said = [text.replace("\n", " ").strip() for text in said]

    def spelling(ids: Sequence[int]) -> list[str]:
        return [lm.text.spell(i) for i in ids]

    return _tree(prompt, beam, steps, found, said, spelling, continues=True)


def _tree(
    text: str,
    width: int,
    steps: Sequence[BeamStep],
    found: Sequence[Hypothesis],
    said: Sequence[str],
    spell: Callable[[Sequence[int]], Sequence[str]],
    *,
    continues: bool = False,
) -> BeamTree:
    """said: what each of the found ones says."""
    nodes, paths = grown(steps, found)
    rank = {i: r for r, path in reversed([*enumerate(paths, 1)]) for i in path}
    tokens = spell([token for _, token, _, _ in nodes])
    return BeamTree(
        text,
        width,
        tuple(
            Node(parent, token, log_prob, fits, rank.get(i, 0))
            for i, ((parent, _, log_prob, fits), token) in enumerate(
                zip(nodes, tokens, strict=True)
            )
        ),
        tuple(
            Text(told, one.score, path[-1] if path else -1)
            for told, one, path in zip(said, found, paths, strict=True)
        ),
        continues,
    )
