"""Alignment: how well each place of what was read suits the word that is being written.

    α_ts = softmax_s e_ts        c_t = Σ_s α_ts h_s

    additive   e = vᵀ tanh(W s + U h)           Bahdanau et al. (2015, arXiv:1409.0473), §A.1.2
    dot        e = sᵀ h                         Luong et al. (2015, arXiv:1508.04025), §3.1
    general    e = sᵀ W h                       ibid.
    concat     e = vᵀ tanh(W_a [s ; h])         ibid.: additive, W_a = [W, U]

    local-p    p_t = S · σ(v_pᵀ tanh(W_p s_t))                                   ibid., eq. 9
               α_ts ← α_ts exp(−(s − p_t)² / 2σ²),  σ = D / 2                    eq. 10
               where α is over s ∈ [p_t − D, p_t + D] alone; words are counted 1 … S

`scaled` divides dot and general by √d (Vaswani et al. 2017).  What of e does not depend on s_t, its
`keys`, is made once for a source.  M sources may have R = M·k texts written from them.

paper    here                    paper     here
h_s      Annotations.h           U h, W h  Annotations.keys
α_ts     tap `alpha` [R, T, S], exactly 0 where no word is
"""

from typing import Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from malmoi.layers.attention import fold, unfold
from malmoi.layers.pooling import masked_softmax
from malmoi.layers.tap import Tap


class Annotations(NamedTuple):
    """What is kept of M sources: h_s, the part of e that is theirs, and where words are."""

    h: Float[Tensor, "M S m"]
    keys: Float[Tensor, "M S a"]
    mask: Bool[Tensor, "M S"]


class Additive(nn.Module):
    """e = vᵀ tanh(W s + U h), a wide inside."""

    def __init__(self, d_query: int, d_memory: int, a: int) -> None:
        super().__init__()
        self.W = nn.Linear(d_query, a, bias=False)
        self.U = nn.Linear(d_memory, a)
        self.v = nn.Parameter(torch.empty(a).uniform_(-(a**-0.5), a**-0.5))

    def keys(self, h: Float[Tensor, "M S m"]) -> Float[Tensor, "M S a"]:
        keys: Tensor = self.U(h)
        return keys

    def forward(
        self, s: Float[Tensor, "M K d"], keys: Float[Tensor, "M S a"]
    ) -> Float[Tensor, "M K S"]:
        Ws = self.W(s)
        if s.size(1) == 1:
            return (torch.tanh(Ws + keys) @ self.v.to(keys))[:, None]
        return torch.tanh(Ws[:, :, None] + keys[:, None]) @ self.v.to(keys)


class Concat(Additive):
    """e = vᵀ tanh(W_a [s ; h]): W_a = [W, U], and U has no bias."""

    def __init__(self, d_query: int, d_memory: int, a: int) -> None:
        super().__init__(d_query, d_memory, a)
        self.U = nn.Linear(d_memory, a, bias=False)


class Dot(nn.Module):
    """e = sᵀ h, both d wide."""

    def __init__(self, d: int, *, scaled: bool = False) -> None:
        super().__init__()
        self.scale = d**-0.5 if scaled else 1.0

    def keys(self, h: Float[Tensor, "M S d"]) -> Float[Tensor, "M S d"]:
        return h * self.scale

    def forward(
        self, s: Float[Tensor, "M K d"], keys: Float[Tensor, "M S d"]
    ) -> Float[Tensor, "M K S"]:
        return s @ keys.mT


class General(Dot):
    """e = sᵀ W h."""

    def __init__(self, d_query: int, d_memory: int, *, scaled: bool = False) -> None:
        super().__init__(d_query, scaled=scaled)
        self.W = nn.Linear(d_memory, d_query, bias=False)

    def keys(self, h: Float[Tensor, "M S m"]) -> Float[Tensor, "M S d"]:
        keys: Tensor = self.W(h)
        return keys * self.scale


Score: TypeAlias = Additive | Concat | Dot | General


class Window(nn.Module):
    """local-p: where to look, predicted from s_t; D places to each side of it.

    Places are told apart in float32 at least: bfloat16 has no 257th word.
    """

    def __init__(self, d: int, D: int) -> None:
        super().__init__()
        self.D = D
        self.W_p = nn.Linear(d, d, bias=False)
        self.v_p = nn.Parameter(torch.empty(d).uniform_(-(d**-0.5), d**-0.5))

    def centre(self, s: Float[Tensor, "M K d"], mask: Bool[Tensor, "M S"]) -> Float[Tensor, "M K"]:
        """p_t, in words from the beginning of the source."""
        a = torch.tanh(self.W_p(s)) @ self.v_p
        a = a.to(torch.promote_types(a.dtype, torch.float32))
        return mask.sum(1, keepdim=True) * torch.sigmoid(a)

    def forward(
        self, e: Float[Tensor, "M K S"], s: Float[Tensor, "M K d"], mask: Bool[Tensor, "M S"]
    ) -> Float[Tensor, "M K S"]:
        away = mask.cumsum(1)[:, None] - self.centre(s, mask)[..., None]  # [M, K, S]
        near = mask[:, None] & (away.abs() <= self.D)
        return masked_softmax(e, near) * torch.exp(-2 * (away / self.D) ** 2)


class Alignment(nn.Module):
    """Where to look, and what is seen there.  window: D of local-p; without it, everywhere.
    d: width of the queries, which a window asks."""

    def __init__(self, score: Score, d: int, *, window: int | None = None) -> None:
        super().__init__()
        self.score = score
        self.window = None if window is None else Window(d, window)
        self.alpha = Tap()

    def annotate(self, h: Float[Tensor, "M S m"], mask: Bool[Tensor, "M S"]) -> Annotations:
        return Annotations(h, self.score.keys(h), mask)

    def weigh(self, s: Float[Tensor, "R T d"], of: Annotations) -> Float[Tensor, "M K S"]:
        """α of every text, those of one source together: K = k·T."""
        q = fold(s, len(of.h))
        e = self.score(q, of.keys)
        if self.window is None:
            return masked_softmax(e, of.mask[:, None].expand_as(e))
        alpha: Tensor = self.window(e, q, of.mask)
        return alpha

    def look(
        self, s: Float[Tensor, "R T d"], of: Annotations
    ) -> tuple[Float[Tensor, "R T m"], Float[Tensor, "R T S"]]:
        """c and α, unheard: a loop over t puts its α together and lets `alpha` hear them once."""
        alpha = self.weigh(s, of)
        return unfold(alpha.to(of.h) @ of.h, len(s)), unfold(alpha, len(s))

    def forward(self, s: Float[Tensor, "R T d"], of: Annotations) -> Float[Tensor, "R T m"]:
        c, alpha = self.look(s, of)
        self.alpha(alpha)
        return c


Kind = Literal["dot", "general", "concat"]


def luongs(kind: Kind, d_query: int, d_memory: int, *, scaled: bool) -> Score:
    """The score of this name; concat is d_query wide inside."""
    match kind:
        case "dot":
            return Dot(d_query, scaled=scaled)
        case "general":
            return General(d_query, d_memory, scaled=scaled)
        case "concat":
            return Concat(d_query, d_memory, d_query)
