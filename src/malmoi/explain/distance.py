"""How far back a recurrent network feels its mistakes: the norm of the gradient against distance.

Bengio, Simard & Frasconi (1994); Pascanu, Mikolov & Bengio (2013, arXiv:1211.5063), section 2

    ∂L_T/∂s_{T−k} = ∂L_T/∂s_{T−1} · Π_{T−k < i < T} ∂s_i/∂s_{i−1}        L_T = −log p(w_T | …)

s is all that the network carries from one step to the next: h of every layer, and c of an LSTM.  A
product of many factors vanishes or explodes; gates are there to keep it near 1.

Clipping shortens the gradient of the weights, g ← g · min(1, clip / ‖g‖).  It changes no ratio of
distances, but what a training sees of an explosion: ‖g‖ is drawn against how many steps of
back-propagation it is made of, as it is and clipped.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from malmoi.carry import detach, tree_map
from malmoi.errors import UsageError
from malmoi.explain.blocks import Graphic, Heading
from malmoi.explain.chart import Axis, Series, plot
from malmoi.explain.draw import Real
from malmoi.explain.page import Block, Drawn, Page
from malmoi.explain.picture import STRICT
from malmoi.explain.table import Table
from malmoi.explain.tiles import panels
from malmoi.text import Vocabulary
from malmoi.use.language_model import LanguageModel

WINDOWS = 32
TOLD = (1, 5, 20, 100)  # distances of the table, besides the longest
TICKS = tuple(m * 10.0**k for k in range(-30, 31) for m in (1, 2, 5))
POWERS = tuple(10.0**k for k in range(-30, 31))
STEPS = (1, 2, 3, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 700, 1000)


@dataclass(frozen=True, config=STRICT)
class Flow:
    """One network.  scale: its recurrent weights were multiplied by this.  clip: of its training,
    0: none.

    state, low, high: ‖∂L/∂s‖ at a distance of 1, 2, … steps; median and quartiles of the windows.
    reach: steps of back-propagation; weights: ‖∂L/∂θ‖ of so many, L the mean of the windows.
    """

    model: str
    scale: float
    clip: float
    state: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    reach: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.model if self.scale == 1 else f"{self.model} ×{self.scale:g}"

    @property
    def clipped(self) -> tuple[float, ...]:
        """What is left of the weights' gradient."""
        return tuple(min(g, self.clip) if self.clip else g for g in self.weights)


@dataclass(frozen=True, config=STRICT)
class Distances:
    """windows: places of the text where a mistake was made."""

    windows: int
    flows: tuple[Flow, ...]
    kind: Literal["gradient"] = "gradient"

    @property
    def finding(self) -> str:
        told = []
        for flow in self.flows:
            ratio = flow.state[-1] / flow.state[0] if flow.state[0] else 0.0
            told.append(f"{flow.name} {_power(ratio)}")
        K = len(self.flows[0].state)
        return (
            f"What is left of the gradient after {K} steps, of what it is after one: "
            f"{', '.join(told)}."
        )

    def page(self) -> Page:
        lead = (
            "How strongly a mistake at one word is felt in the state so many words before: the "
            f"median of {self.windows} places, their quartiles fainter. A line that falls: what "
            "was read so long ago cannot be learnt from; one that rises: it explodes."
        )
        blocks: list[Block] = [
            Heading("Gradient against distance", lead),
            Graphic(panels([self._state]), "gradient norm against distance"),
            Heading(
                "What clipping changes",
                "The gradient of all weights, made of so many steps of back-propagation: as it is, "
                "and shortened to the longest that the training of each network allows.",
            ),
            Graphic(panels([self._weights, self._clipped]), "gradient of the weights"),
            Heading("In numbers"),
            self._table(),
        ]
        return Page("How far back a mistake is felt", self.finding, tuple(blocks))

    def _state(self, width: Real) -> Drawn:
        lines = []
        for k, flow in enumerate(self.flows):
            main, low, high = (_points(enumerate(v, 1)) for v in (flow.state, flow.low, flow.high))
            lines.append(Series(flow.name, main, k, others=(low, high)))
        x = Axis("words before", STEPS, lambda v: f"{v:.0f}", linear=True)
        return plot(lines, x=x, y=_norms("‖∂L/∂s‖", lines), width=width)

    def _weights(self, width: Real) -> Drawn:
        lines = [
            Series(flow.name, _points(zip(flow.reach, flow.weights, strict=True)), k)
            for k, flow in enumerate(self.flows)
        ]
        return self._both(width, "‖∂L/∂θ‖, as it is", lines)

    def _clipped(self, width: Real) -> Drawn:
        """As it is fainter, so that both panels have one scale."""
        lines = []
        for k, flow in enumerate(self.flows):
            cut, whole = (
                _points(zip(flow.reach, v, strict=True)) for v in (flow.clipped, flow.weights)
            )
            lines.append(Series(flow.name, cut, k, others=(whole,)))
        return self._both(width, "‖∂L/∂θ‖, clipped", lines)

    def _both(self, width: Real, title: str, lines: Sequence[Series]) -> Drawn:
        x = Axis("steps of back-propagation", STEPS, lambda v: f"{v:.0f}")
        clips = {flow.clip for flow in self.flows}
        shared = len(clips) == 1 and 0.0 not in clips
        level = (f"clip {self.flows[0].clip:g}", self.flows[0].clip) if shared else None
        return plot(lines, x=x, y=_norms(title, lines), width=width, limit=level)

    def _table(self) -> Table:
        K = len(self.flows[0].state)
        some = [k for k in TOLD if k < K] + [K]
        rows = [
            (flow.name, *(_power(flow.state[k - 1]) for k in some), f"{flow.clip:g}")
            for flow in self.flows
        ]
        return Table(("words before", *map(str, some), "clip"), rows)


def flow(
    name: str,
    lm: LanguageModel,
    lines: Iterable[str],
    *,
    distance: int = 40,
    windows: int = WINDOWS,
    scale: float | int = 1.0,
    clip: float | int = 0.0,
) -> tuple[Flow, int]:
    """One network's, and at how many places of the text.  The network itself is left as it is.

    Raises UsageError for what is not recurrent, and for a text that is too short.
    """
    if not isinstance(lm.model, nn.Module):
        raise UsageError(f"{name} has no gradient: it counts", hint="elman, gru and lstm have one")
    model: Any = copy.deepcopy(lm.model).double().eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "weight_hh" in key:
                weight.mul_(scale)
    x, y = _windows(lm, lines, distance, windows)
    x, y = x.to(lm.device), y.to(lm.device)
    with torch.no_grad():
        carry = model.begin(len(x))
        if x.size(1) > distance:
            carry = model(x[:, :-distance], carry)[1]
    _recurrent(name, carry, model.begin(len(x)))
    begun = carry
    norms = states(model, x[:, -distance:], y, begun)
    low, state, high = np.quantile(norms, (0.25, 0.5, 0.75), axis=1).tolist()
    reach = [k for k in STEPS if k < distance] + [distance]
    weights = of_weights(model, x[:, -distance:], y, begun, reach)
    return (
        Flow(
            name, float(scale), float(clip), tuple(state), tuple(low), tuple(high), tuple(reach),
            tuple(weights),
        ),
        len(x),
    )  # fmt: skip


def states(
    model: Any, x: Int[Tensor, "W K"], y: Int[Tensor, " W"], carry: Any
) -> Float[np.ndarray, "K W"]:
    """‖∂L/∂s‖ of each window, at a distance of 1, 2, … K."""
    K = x.size(1)
    carry = tree_map(lambda s: s.detach().requires_grad_(), carry)
    seen = []
    for t in range(K - 1):
        seen.append(leaves(carry))
        carry = model(x[:, t : t + 1], carry)[1]
    seen.append(leaves(carry))
    logp, _ = model.log_prob(x[:, -1:], y[:, None], carry)
    grads = torch.autograd.grad(-logp.sum(), [s for part in seen for s in part])
    each = len(seen[0])
    norms = []
    for t in reversed(range(K)):
        squares = [g.square().flatten(1).sum(1) for g in grads[t * each : (t + 1) * each]]
        norms.append(torch.stack(squares).sum(0).sqrt())
    return torch.stack(norms).cpu().numpy()


def of_weights(
    model: Any, x: Int[Tensor, "W K"], y: Int[Tensor, " W"], carry: Any, reach: Sequence[int]
) -> list[float]:
    """‖∂L/∂θ‖ of the mean over the windows, back-propagated through so many steps."""
    K, found = x.size(1), []
    parameters = [p for p in model.parameters() if p.requires_grad]
    for k in reach:
        with torch.no_grad():
            start = detach(model(x[:, : K - k], carry)[1] if k < K else carry)
        said = torch.cat([x[:, K - k + 1 :], y[:, None]], 1)
        logp, _ = model.log_prob(x[:, K - k :], said, start)
        grads = torch.autograd.grad(-logp[:, -1].mean(), parameters, allow_unused=True)
        found.append(math.sqrt(sum(float(g.square().sum()) for g in grads if g is not None)))
    return found


def leaves(carry: Any) -> list[Tensor]:
    """The tensors of a carry."""
    if isinstance(carry, Tensor):
        return [carry]
    return [] if carry is None else [s for part in carry for s in leaves(part)]


def _recurrent(name: str, carry: Any, begun: Any) -> None:
    """Raises UsageError unless the carry is a state of one size in real numbers."""
    parts, first = leaves(carry), leaves(begun)
    alike = [s.shape for s in parts] == [s.shape for s in first]
    if not parts or not alike or not all(s.is_floating_point() for s in parts):
        raise UsageError(
            f"{name} carries no state that a gradient flows through from word to word",
            hint="elman, gru and lstm do; of a GPT: --show heads",
        )


def _windows(
    lm: LanguageModel, lines: Iterable[str], K: int, n: int
) -> tuple[Int[Tensor, "W L"], Int[Tensor, " W"]]:
    """At most n pieces of the text, K words to go back through and as many before those to begin
    with, as far as there are; and the word that follows each."""
    stream = [Vocabulary.BOUNDARY]
    enough = 64 * n * K
    for ids in lm.text.encode_lines(lines):
        stream += [*ids, Vocabulary.BOUNDARY]
        if len(stream) > enough:
            break
    room = len(stream) - 1 - K
    if room < 0:
        raise UsageError(
            f"a text of {len(stream) - 1:,} tokens cannot be gone back through {K:,}",
            hint="give a longer text, or leave it out to take the run's own; or --distance 10",
        )
    size = K + min(K, room // 2)
    starts = np.unique(np.linspace(0, len(stream) - 1 - size, n).astype(int)).tolist()
    rows = torch.tensor([stream[s : s + size + 1] for s in starts])
    return rows[:, :-1], rows[:, -1]


def _points(pairs: Iterable[tuple[int, float]]) -> tuple[tuple[float, float], ...]:
    """Those that a logarithmic axis has room for."""
    return tuple((float(a), b) for a, b in pairs if 1e-30 < b < 1e30)


def _norms(title: str, lines: Sequence[Series]) -> Axis:
    """Powers of ten, and what lies between them where they are few."""
    seen = [y for line in lines for part in (line.points, *line.others) for _, y in part]
    wide = max(seen, default=1.0) / min(seen, default=1.0) > 1e3
    return Axis(title, POWERS if wide else TICKS, _power)


def _power(value: float | int) -> str:
    if 0.009 <= value < 1000:
        return f"{value:.2g}"
    return (
        f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e") if value else "0"
    )
