"""A GRU that is told a context c_t at every step, beside the word before.

    r, z = σ(W e_t + U s_{t−1} + C c_t + b)            s_t = z ⊙ s_{t−1} + (1 − z) ⊙ s̃_t

    "before"  s̃ = tanh(W e_t + C c_t + b + U (r ⊙ s_{t−1}))     Bahdanau et al. (2015), §A.1.1
    "after"   s̃ = tanh(W e_t + C c_t + b + r ⊙ (U s_{t−1}))     as cuDNN and torch place the gate
    "inside"  s̃ = tanh(W e_t + b + r ⊙ (U s_{t−1} + C c_t))     Cho et al. (2014), decoder, §A.1.1

The rows of W, U, C, b are r, z, n, as in `layers.recurrent`, and z keeps the old state: for papers
where z takes the new one, z ↔ 1 − z (`recurrent.swap_update_gate`).
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from malmoi.layers.alignment import Additive, Alignment, Annotations
from malmoi.layers.attending import Attending
from malmoi.layers.precision import precision

Reset = Literal["before", "after", "inside"]


class ConditionalGRU(nn.Module):
    """d_in: of e.  m: of c.  U begins orthogonal, W and C by Glorot's rule, b zero."""

    def __init__(self, d_in: int, m: int, d: int, *, reset: Reset) -> None:
        super().__init__()
        self.reset = reset
        self.W = nn.Linear(d_in, 3 * d)
        self.C = nn.Linear(m, 3 * d, bias=False)
        self.U = nn.Parameter(torch.empty(3 * d, d))
        nn.init.zeros_(self.W.bias)
        for weight in (self.W.weight, self.C.weight):
            for gate in weight.data.chunk(3):
                nn.init.xavier_uniform_(gate)
        for gate in self.U.data.chunk(3):
            nn.init.orthogonal_(gate)

    def step(
        self, We: Float[Tensor, "R G"], Cc: Float[Tensor, "R G"], s: Float[Tensor, "R d"]
    ) -> Float[Tensor, "R d"]:
        """The next state.  We: W e_t + b.  Cc: C c_t."""
        d = s.size(1)
        a = We + Cc
        if self.reset == "before":
            r, z = (a[:, : 2 * d] + F.linear(s, self.U[: 2 * d])).sigmoid().chunk(2, 1)
            n = (a[:, 2 * d :] + F.linear(r * s, self.U[2 * d :])).tanh()
        else:
            Us = F.linear(s, self.U)
            r, z = (a[:, : 2 * d] + Us[:, : 2 * d]).sigmoid().chunk(2, 1)
            if self.reset == "after":
                n = torch.addcmul(a[:, 2 * d :], r, Us[:, 2 * d :]).tanh()
            else:
                n = torch.addcmul(We[:, 2 * d :], r, Us[:, 2 * d :] + Cc[:, 2 * d :]).tanh()
        return n + z * (s - n)

    def forward(
        self, e: Float[Tensor, "R T _"], Cc: Float[Tensor, "R G"], s: Float[Tensor, "R d"]
    ) -> Float[Tensor, "R T d"]:
        """Every state, where the context is always the same.  Cc: C c."""
        states = []
        for We in self.W(e).unbind(1):
            s = self.step(We, Cc, s)
            states.append(s)
        return torch.stack(states, 1)

    def attending(
        self,
        e: Float[Tensor, "R T _"],
        s: Float[Tensor, "R d"],
        attention: Alignment,
        of: Annotations,
    ) -> tuple[Float[Tensor, "R T d"], Float[Tensor, "R T m"]]:
        """Every state and every context, where s_{t−1} says which context is looked at next.
        Where a source has no word, `of.h` must be zero."""
        score = attention.score
        if torch.is_grad_enabled() and isinstance(score, Additive) and attention.window is None:
            W_a, v, U, C = score.W.weight, score.v, self.U, self.C.weight
            We, low = self.W(e), precision(U)
            with torch.autocast(e.device.type, enabled=False):
                told: tuple[Tensor, Tensor, Tensor] = Attending.apply(  # type: ignore[no-untyped-call]
                    We, s, of.keys, of.h, of.mask, W_a, v, C, U, self.reset == "before", low
                )
            attention.alpha(told[2])
            return told[:2]
        states, contexts, alphas = [], [], []
        for We in self.W(e).unbind(1):
            c, alpha = attention.look(s[:, None], of)
            s = self.step(We, self.C(c[:, 0]), s)
            states.append(s)
            contexts.append(c)
            alphas.append(alpha)
        attention.alpha(torch.cat(alphas, 1))
        return torch.stack(states, 1), torch.cat(contexts, 1)
