"""What the gates of a recurrent network do over a sentence, and what its units hold.

LSTM   i what is let in, f what is kept, o what is shown, g what is offered      c_t, h_t
GRU    z what is kept of the state, r what of it is read for the new one         h_t
Elman  has no gates                                                              h_t

The layers are listened to while the model reads; of what each was given, its gates are worked out
once more, step by step in float64 (`unrolled`).  The model computes what it always computes.

The column of a word is the step that reads it; `<s>` is the first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.errors import EmptyText, UsageError
from malmoi.explain.blocks import Graphic, Heading, Scale
from malmoi.explain.heat import Heat
from malmoi.explain.page import Block, Page
from malmoi.explain.picture import STRICT, title_of, visible
from malmoi.explain.tiles import Tiles
from malmoi.explain.traces import Trace, Traces
from malmoi.layers.recurrent import ResetBeforeGRU
from malmoi.text import Vocabulary
from malmoi.use.language_model import LanguageModel

LAYERS = (nn.RNN, nn.GRU, nn.LSTM, ResetBeforeGRU)
CELLS = {nn.RNN: "elman", nn.GRU: "gru", nn.LSTM: "lstm", ResetBeforeGRU: "gru"}
SAID = {
    "i": "i, what is let in",
    "f": "f, what is kept",
    "o": "o, what is shown",
    "g": "g, what is offered",
    "z": "z, what is kept",
    "r": "r, what of the state is read",
    "n": "h̃, the new state offered",
    "h": "h, what the layer says",
    "c": "c, what it remembers",
}
SIGNED = ("g", "n")  # between −1 and 1; the other gates are shares
START = "<s>"


class Heard(NamedTuple):
    """What a layer was given and said: x [T, d_in], the state before, y [T, d]."""

    layer: nn.Module
    x: Tensor
    state: tuple[Tensor, ...]
    y: Tensor


@dataclass(frozen=True, config=STRICT)
class Quantity:
    """name: i, f, o, g, z, r, n, h or c.  mean: over all units, low, high: their quartiles, word by
    word.  values: of the units that are drawn, [unit][word]."""

    name: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, config=STRICT)
class Layer:
    """units: the ones that are drawn, from 1 on: those whose h moves most.  d: of how many."""

    number: int
    d: int
    units: tuple[int, ...]
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, config=STRICT)
class Inside:
    """of: gates, or units.  tokens: `<s>` first."""

    text: str
    cell: Literal["elman", "gru", "lstm"]
    of: Literal["gates", "units"]
    tokens: tuple[str, ...]
    layers: tuple[Layer, ...]
    kind: Literal["inside"] = "inside"

    @property
    def finding(self) -> str:
        if self.of == "units":
            return self._leap()
        keeper = "f" if self.cell == "lstm" else "z"
        told = []
        for layer in self.layers:
            gate = next(q for q in layer.quantities if q.name == keeper)
            t = min(range(len(gate.mean)), key=gate.mean.__getitem__)
            told.append(
                f"layer {layer.number} keeps {sum(gate.mean) / len(gate.mean):.2f} of its memory "
                f"from word to word, least ({gate.mean[t]:.2f}) at “{visible(self.tokens[t])}”"
            )
        found = "; ".join(told)
        return f"{found[0].upper()}{found[1:]}."

    def page(self) -> Page:
        blocks: list[Block] = []
        words = [visible(token) for token in self.tokens]
        for layer in self.layers:
            name = f"Layer {layer.number}"
            if self.of == "gates":
                blocks.append(
                    Heading(name, "The mean of all units at each word; faint: quartiles.")
                )
                lines = [Trace(q.name, q.mean, (q.low, q.high)) for q in layer.quantities]
                shares = [line for line in lines if line.name not in SIGNED]
                blocks.append(Graphic(Traces(words, shares, 0.0, 1.0).draw, f"{name}: gates"))
                offered = [line for line in lines if line.name in SIGNED]
                blocks.append(Graphic(Traces(words, offered, -1.0, 1.0).draw, f"{name}: offered"))
            maps = [_map(words, layer, q) for q in layer.quantities]
            lead = f"{len(layer.units)} of {layer.d:,} units, those whose h moves most."
            title = f"{name}, unit by unit" if self.of == "gates" else name
            blocks += [Heading(title, lead), Graphic(Tiles(maps).draw, title)]
        blocks.append(Scale("1", signed=True))
        return Page(title_of(self.text), self.finding, tuple(blocks))

    def _leap(self) -> str:
        """Where a unit moves most from one word to the next."""
        best = (0.0, "")
        for layer in self.layers:
            h = next(q for q in layer.quantities if q.name == "h")
            for unit, row in zip(layer.units, h.values, strict=True):
                for t, (before, after) in enumerate(pairwise(row), 1):
                    told = (
                        f"The largest step is that of unit {unit} in layer {layer.number}, from "
                        f"{before:.2f} to {after:.2f} at “{visible(self.tokens[t])}”."
                    )
                    best = max(best, (abs(after - before), told), key=lambda one: one[0])
        return best[1].replace("-", "−")


def _map(words: Sequence[str], layer: Layer, q: Quantity) -> tuple[str, Heat]:
    strongest = max(1.0, max(abs(v) for row in q.values for v in row))
    units = [f"unit {unit}" for unit in layer.units]
    reach = f" (darkest: {strongest:.1f})" if strongest > 1 else ""
    return f"{SAID[q.name]}{reach}", Heat(units, words, q.values, "", strongest=strongest)


def inside(
    lm: LanguageModel, text: str, *, of: Literal["gates", "units"] = "gates", units: int = 12
) -> Inside:
    """units: how many of each layer are drawn.

    Raises EmptyText for a text of no token, UsageError for a model without what is asked for.
    """
    ids = lm.text.encode(text)
    if not ids:
        raise EmptyText("there is no token in this text to look at")
    heard = overheard(lm, [Vocabulary.BOUNDARY, *ids])
    if not heard:
        raise UsageError(
            f"this language model has no {of} to draw",
            hint="elman, gru and lstm are recurrent; of a GPT: --show heads",
        )
    cell: Any = CELLS[type(heard[0].layer)]
    if of == "gates" and cell == "elman":
        raise UsageError("an Elman network has no gates", hint="--show units")
    layers = []
    for number, one in enumerate(heard, 1):
        found = unrolled(one)
        h = found["h"]
        moves = h.amax(0) - h.amin(0)
        best = moves.argsort(descending=True, stable=True)[:units].sort().values
        names = [n for n in found if (n in ("h", "c")) == (of == "units")]
        layers.append(
            Layer(
                number,
                h.size(1),
                tuple((best + 1).tolist()),
                tuple(_quantity(n, found[n], best) for n in names),
            )
        )
    tokens = (START, *(token.text for token in lm.text.tokens(text)))
    return Inside(text, cell, of, tokens, tuple(layers))


def _quantity(name: str, values: Float[Tensor, "T d"], best: Tensor) -> Quantity:
    quartiles = torch.quantile(values, torch.tensor([0.25, 0.75], dtype=values.dtype), 1)
    low, high = (tuple(row) for row in quartiles.tolist())
    drawn = tuple(map(tuple, values[:, best].T.tolist()))
    return Quantity(name, tuple(values.mean(1).tolist()), low, high, drawn)


@torch.no_grad()
def overheard(lm: LanguageModel, ids: Sequence[int]) -> list[Heard]:
    """What each recurrent layer of a model was given and said while it read."""
    if not isinstance(lm.model, nn.Module):
        return []
    with _listening(lm.model) as heard:
        lm.model(torch.tensor([list(ids)], device=lm.device), lm.model.begin(1))
    return heard


@contextmanager
def _listening(model: nn.Module) -> Iterator[list[Heard]]:
    heard: list[Heard] = []

    def write_down(layer: nn.Module, given: Any, said: Any) -> None:
        x, state = given
        parts = state if isinstance(state, tuple) else (state,)
        heard.append(Heard(layer, x[0], tuple(part[0, 0] for part in parts), said[0][0]))

    hooks = [
        part.register_forward_hook(write_down)
        for part in model.modules()
        if isinstance(part, LAYERS)
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def unrolled(heard: Heard) -> dict[str, Float[Tensor, "T d"]]:
    """Every gate, then h (and c), at every step, in float64."""
    layer = heard.layer
    weights = {name: w.detach().cpu().double() for name, w in layer.named_parameters()}
    W, U, b = (weights[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih"))
    b2 = weights.get("bias_hh_l0", torch.zeros_like(b))
    x = heard.x.cpu().double()
    h, *rest = (part.cpu().double() for part in heard.state)
    c = rest[0] if rest else h
    steps: list[dict[str, Tensor]] = []
    for a in x @ W.T + b:
        if isinstance(layer, nn.LSTM):
            i, f, g, o = (a + U @ h + b2).chunk(4)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = f * c + i * g
            h = o * c.tanh()
            steps.append({"i": i, "f": f, "o": o, "g": g, "h": h, "c": c})
            continue
        if isinstance(layer, nn.RNN):
            h = (a + U @ h + b2).tanh()
            steps.append({"h": h})
            continue
        d = len(h)
        r, z = (a[: 2 * d] + U[: 2 * d] @ h + b2[: 2 * d]).sigmoid().chunk(2)
        if isinstance(layer, nn.GRU):
            n = (a[2 * d :] + r * (U[2 * d :] @ h + b2[2 * d :])).tanh()
        else:
            n = (a[2 * d :] + U[2 * d :] @ (r * h)).tanh()
        h = n + z * (h - n)
        steps.append({"z": z, "r": r, "n": n, "h": h})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
