"""Which words of the source a translator looked at for each word that it wrote.

Bahdanau et al. (2015), figure 3: a row a word of the translation, a column a word of the source,
the shade of a cell the weight α_ij; rows sum to 1.  A model of several layers or heads has a
picture of each besides their mean.  The weights are those of the translation that the search found,
read once more from its beginning: each word with the look that it was written with.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor

from malmoi.decode.hypothesis import Hypothesis
from malmoi.errors import EmptyText, UsageError
from malmoi.explain.blocks import Graphic, Heading, Scale
from malmoi.explain.heat import FAINT, Heat
from malmoi.explain.listen import listen
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT, title_of, visible
from malmoi.explain.tiles import Tiles
from malmoi.explain.written import END, best_of
from malmoi.sentences import Sentences
from malmoi.use.looking import CROSS
from malmoi.use.translator import Translator


class Look(NamedTuple):
    """A layer, or a head of one, and its weights."""

    name: str
    alpha: Float[Tensor, "T S"]


@torch.no_grad()
def looks(model: torch.nn.Module, source: Sentences, hypothesis: Hypothesis) -> list[Look]:
    """The attention of every layer and head while one text is written from one source.

    T counts `</s>` if the text is finished.  Empty for a model without attention.
    """
    said = list(hypothesis.tokens) if hypothesis.finished else list(hypothesis.tokens[:-1])
    x = torch.tensor([[0, *said]], device=source.ids.device)
    begin = model.begin(source)  # type: ignore[operator]  # a translator's
    with listen(model, "alpha") as heard:
        model(x, begin)
    for ending in CROSS:
        found = []
        for name, passed in heard.items():
            if not name.endswith(ending):
                continue
            alpha = torch.cat(passed, -2)[0].to("cpu", torch.float64)  # [T, S] or [H, T, S]
            layer = next((part for part in name.split(".") if part.isdigit()), "")
            told = f"layer {int(layer) + 1}" if layer else ""
            if alpha.dim() == 2:
                found.append(Look(told, alpha))
                continue
            heads = [f"{told}, head {h + 1}".lstrip(", ") for h in range(len(alpha))]
            found += map(Look, heads, alpha)
        if found:
            return found
    return []


@dataclass(frozen=True, config=STRICT)
class Map:
    """weights[i][j]: how much the i-th token of the translation looked at the j-th of the source.

    name: the layer and head, nothing where there is one only.
    """

    name: str
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, config=STRICT)
class Alignment:
    """text: of the source.  source, target: tokens, `</s>` too.  maps: of each layer and head."""

    text: str
    translation: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    maps: tuple[Map, ...]
    kind: Literal["alignment"] = "alignment"

    @property
    def together(self) -> tuple[tuple[float, ...], ...]:
        """The mean of the maps: rows sum to 1 again."""
        n = len(self.maps)
        rows = zip(*(part.weights for part in self.maps), strict=True)
        return tuple(tuple(sum(cell) / n for cell in zip(*row, strict=True)) for row in rows)

    def page(self) -> Page:
        lead = "A row a word that was written, a column a word that was read; each row sums to 1."
        if len(self.maps) > 1:
            lead += f" The mean of {len(self.maps)} maps, each of which follows."
        blocks: list[Block] = [Heading("Where it looked", lead)]
        together = self._heat(self.together, "attention to the source")
        blocks += [Graphic(together.draw, together.label), Scale("1")]
        if len(self.maps) > 1:
            tiles = Tiles([(part.name, self._heat(part.weights, part.name)) for part in self.maps])
            blocks += [Heading("One by one"), Graphic(tiles.draw, "layers and heads, one by one")]
        finding = f"The model writes: {self.translation or '(nothing)'}"
        return Page(title_of(self.text), finding, tuple(blocks))

    def _heat(self, weights: tuple[tuple[float, ...], ...], label: str) -> Heat:
        return Heat(
            [visible(token) for token in self.target],
            [visible(token) for token in self.source],
            weights,
            label,
            strongest=1.0,
            faint=FAINT,
        )


def alignment(
    model: torch.nn.Module,
    text: str,
    source: Sentences,
    hypothesis: Hypothesis,
    *,
    source_tokens: tuple[str, ...],
    target_tokens: tuple[str, ...],
    translation: str,
) -> Alignment:
    """The picture of a translation.  The tokens without `</s>`; it is added where it is.

    Raises EmptyText for a source of no token, UsageError for a model without attention.
    """
    if not source_tokens:
        raise EmptyText("there is no token in this text to look at")
    found = looks(model, source, hypothesis)
    if not found:
        raise UsageError(
            "this translator has no attention to draw",
            hint="bahdanau, luong, convs2s and transformer look at the source while they write",
        )
    S = len(source_tokens) + 1
    return Alignment(
        text,
        translation,
        (*source_tokens, END),
        (*target_tokens, *([END] if hypothesis.finished else [])),
        tuple(Map(look.name, tuple(map(tuple, look.alpha[:, :S].tolist()))) for look in found),
    )


def aligned_by(translator: Translator, text: str, *, beam: int = 5) -> Alignment:
    """A translation as `translate` writes it, and where the model looked.

    Raises EmptyText for a text of no token, UsageError for a model without attention.
    """
    read, best, target, translation = best_of(translator, text, beam=beam)
    return alignment(
        translator.model,
        text,
        read.sentences,
        best,
        source_tokens=read.tokens[:-1],
        target_tokens=target[: len(best.tokens)],
        translation=translation,
    )
