"""A tagger's hesitation: every tag at every word, and the ways through them.

Lample et al. (NAACL 2016), section 2.2: a path is a way through the lattice word × tag.  The darker
a node, the likelier the tag there (its marginal); the thicker an edge, the likelier the pair; the
rings on the line are the likeliest path (Viterbi), the dashed line is the true one, if it is given.
Below: the transitions A with start and end, and the emissions P.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic.dataclasses import dataclass

from malmoi.errors import EmptyText, UsageError, did_you_mean
from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.chain import LEAST, Chain, Edge, Score
from malmoi.explain.heat import Heat
from malmoi.explain.page import Block, Page
from malmoi.explain.paths import LIKELY, Paths
from malmoi.explain.picture import STRICT, Piece, percent, title_of, visible
from malmoi.layers.crf import LinearChain
from malmoi.layers.distributions import Independent
from malmoi.text import Vocabulary
from malmoi.text.sentences import sentences
from malmoi.use.tagger import Tagger

ROWS, COLUMNS = 14, 30  # tags drawn in a lattice; in the matrix of transitions
DRAWN = 12  # sentences drawn, the least certain ones


@dataclass(frozen=True, config=STRICT)
class Lattice:
    """transitions, start, end: what is added to the score of a path; None where tags do not know
    their neighbours."""

    text: str
    tags: tuple[str, ...]
    chains: tuple[Chain, ...]
    transitions: tuple[tuple[Score, ...], ...] | None = None
    start: tuple[Score, ...] = ()
    end: tuple[Score, ...] = ()
    kind: Literal["lattice"] = "lattice"

    def page(self) -> Page:
        shown = sorted(range(len(self.chains)), key=lambda c: self.chains[c].log_prob)[:DRAWN]
        blocks: list[Block] = []
        for c in sorted(shown):
            blocks += self._chain(c, len(shown))
        if self.transitions is not None:
            heat = self._transitions(sorted({k for c in shown for k in self.kept(self.chains[c])}))
            lead = (
                "Added to a path's score for going from the tag at the left to the tag above: blue "
                "for, orange against, × forbidden."
            )
            blocks += [Heading("Transitions", lead), Graphic(heat.draw, heat.label)]
        total = sum(chain.log_prob for chain in self.chains)
        words = sum(len(chain.best) for chain in self.chains)
        p = percent(float(torch.tensor(total).exp()))
        finding = f"{words} words; the likeliest tags have probability {p}."
        wrong = self._wrong()
        if wrong is not None:
            finding += f" {wrong} of them differ from the true ones." if wrong else " All are true."
        if len(shown) < len(self.chains):
            finding += f" Drawn: the {DRAWN} least certain of {len(self.chains)} sentences."
        return Page(title_of(self.text), finding, tuple(blocks))

    def kept(self, chain: Chain, most: int = ROWS) -> list[int]:
        """The tags that are drawn: those of the paths, and the likeliest others."""
        top = [max(column) for column in zip(*chain.marginals, strict=True)]
        paths = {*chain.best, *(chain.gold or ())}
        order = sorted(range(len(top)), key=lambda k: (k not in paths, -top[k]))
        likely = [k for k in order if k in paths or top[k] >= LIKELY]
        return sorted(likely[: max(most, len(paths))])

    def _wrong(self) -> int | None:
        pairs = [(c.best, c.gold) for c in self.chains if c.gold is not None]
        if not pairs:
            return None
        return sum(a != b for best, gold in pairs for a, b in zip(best, gold, strict=True))

    def _chain(self, c: int, drawn: int) -> list[Block]:
        chain, kept = self.chains[c], self.kept(self.chains[c])
        words = [visible(self.text[p.start : p.end]) for p in chain.pieces]
        names = [self.tags[k] for k in kept]
        lead = (
            "Strength of a node: how likely a tag is there. Width of an edge: how likely the "
            "pair. Rings: "
            f"the likeliest path{', green dashes: the true one' if chain.gold is not None else ''}."
            " Each line shows the tags that are likely in it; below a word, how sure the tag is."
        )
        title = "Lattice" if drawn == 1 else f"Sentence {c + 1}"
        paths = Paths(words, chain, kept, names)
        emissions = self._emissions(chain, kept, names, words)
        return [
            Heading(title, lead),
            Graphic(paths.draw, "lattice of tags"),
            Heading(
                "Emissions" if drawn == 1 else f"Emissions of sentence {c + 1}",
                "How well each tag suits each word by itself, beside the mean of all tags: blue "
                "for, orange against. Rings: the tags of the likeliest path.",
            ),
            Graphic(emissions.draw, emissions.label),
        ]

    def _emissions(
        self, chain: Chain, kept: Sequence[int], names: Sequence[str], words: Sequence[str]
    ) -> Heat:
        mean = [sum(row) / len(row) for row in chain.emissions]
        pairs = list(zip(chain.emissions, mean, strict=True))
        values = [[row[k] - m for row, m in pairs] for k in kept]
        rings = frozenset((kept.index(k), t) for t, k in enumerate(chain.best))
        return Heat(names, words, values, "emissions", rings=rings, words=True)

    def _transitions(self, kept: Sequence[int]) -> Heat:
        assert self.transitions is not None
        if len(self.tags) <= COLUMNS:
            kept = range(len(self.tags))
        rows = [[self.start[k] for k in kept] + [0.0]]
        rows += [[self.transitions[i][j] for j in kept] + [self.end[i]] for i in kept]
        names = [self.tags[k] for k in kept]
        return Heat(
            ["start", *names], [*names, "end"], rows, "transitions", across="to", down="from"
        )


def lattice(reader: Tagger, text: str, *, gold: Sequence[str] | None = None) -> Lattice:
    """The lattice of each sentence of a text, of the distribution that the tagger answers from.

    gold: the true tags of all its words.  Raises UsageError if they do not fit, EmptyText if there
    are no words.
    """
    chains: list[Chain] = []
    said: LinearChain | Independent | None = None
    rest = None if gold is None else _numbers(reader, gold)
    for start, end in sentences(text):
        x, tokens = reader.read([text[start:end]])
        if not tokens[0]:
            continue
        ids = x.ids[0].tolist()
        pieces = tuple(
            Piece(t.text, start + t.start, start + t.end, i != Vocabulary.UNK)
            for t, i in zip(tokens[0], ids, strict=True)
        )
        with torch.no_grad():
            said = reader.model(x)
        mine = None
        if rest is not None:
            mine, rest = rest[: len(pieces)], rest[len(pieces) :]
            if len(mine) < len(pieces):
                break
        chains.append(_chain(_held(reader, said), pieces, mine))
    if said is None:
        raise EmptyText("there is no word in this text to tag")
    words = sum(len(chain.pieces) for chain in chains)
    if gold is not None and len(gold) != words:
        raise UsageError(
            "the true tags are not as many as the words",
            where=(
                f"tags: {len(gold)}",
                f"words: {' '.join(t.text for t in reader.read([text])[1][0])}",
            ),
        )
    held = _held(reader, said)
    moves = (held.transitions, held.start, held.end)
    A, a, z = (m.detach().double().tolist() for m in moves)
    tags = tuple(reader.labels.types)
    if isinstance(said, Independent) and reader.moves is None:
        return Lattice(text, tags, tuple(chains))
    return Lattice(text, tags, tuple(chains), tuple(map(tuple, A)), tuple(a), tuple(z))


def _held(reader: Tagger, said: LinearChain | Independent) -> LinearChain:
    """What the tagger answers from: held to the legal moves if it is held to them."""
    moves = reader.moves
    if moves is not None:
        return said.constrained(moves)
    return said.chain() if isinstance(said, Independent) else said


@torch.no_grad()
def _chain(said: LinearChain, pieces: tuple[Piece, ...], gold: Sequence[int] | None) -> Chain:
    best = said.best()
    pairs = said.edges()[0].double()
    found = (pairs >= LEAST).nonzero().tolist()
    edges = tuple(Edge(t, i, j, float(pairs[t, i, j])) for t, i, j in found)
    true = None if gold is None else tuple(gold)
    path = None if gold is None else torch.tensor([list(gold)], device=best.device)
    return Chain(
        pieces,
        tuple(map(tuple, said.marginals()[0].double().tolist())),
        edges,
        tuple(map(tuple, said.emissions[0].double().tolist())),
        tuple(best[0].tolist()),
        float(said.log_prob(best)[0]),
        true,
        None if path is None else float(said.log_prob(path)[0]),
    )


def _numbers(reader: Tagger, gold: Sequence[str]) -> list[int]:
    types = reader.labels.types
    for tag in gold:
        if tag not in types:
            raise UsageError(f"the tagger has no tag {tag!r}", hint=did_you_mean(tag, types))
    return reader.labels.ids(gold)
