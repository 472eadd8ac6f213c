"""Input feeding: what was said of the source at one step is read at the next
(Luong et al. 2015, arXiv:1508.04025, §3.3).

    h_t = LSTMs over [e(y_{t−1}) ; h̃_{t−1}]      c_t = Alignment(h_t)
    h̃_t = tanh(W_c [c_t ; h_t])

The word's share of the first layer's gates is computed for all steps at once, and so is what
dropout between the layers takes away.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from malmoi.layers.alignment import Alignment, Annotations
from malmoi.layers.recurrent import LSTM, PARAMETERS, HiddenCell


def fed(
    decoder: LSTM,
    attention: Alignment,
    W_c: nn.Linear,
    e: Float[Tensor, "R T _"],
    last: Float[Tensor, "R d"],
    state: HiddenCell,
    of: Annotations,
) -> tuple[Float[Tensor, "R T d"], HiddenCell]:
    """h̃_t of every step, and where the LSTMs ended.  last: h̃ of the step before."""
    d, T, L = last.size(1), e.size(1), len(decoder.layers)
    weights = [[layer.get_parameter(f"{p}_l0") for p in PARAMETERS] for layer in decoder.layers]
    W_word, W_fed = torch.split(weights[0][0], [e.size(2), d], 1)
    gates = F.linear(e, W_word, weights[0][2] + weights[0][3])  # [R, T, 4d]
    both = [torch.cat([W_fed if i == 0 else w[0], w[1]], 1) for i, w in enumerate(weights)]
    biases = [w[2] + w[3] for w in weights]
    kept = [decoder.drop(torch.ones_like(e[:, :, :1]).expand(-1, -1, d)) for _ in range(L - 1)]
    hs, cs = list(state.h.unbind(1)), list(state.c.unbind(1))
    seen, alphas = [], []
    for t in range(T):
        x = last
        for i in range(L):
            x = x * kept[i - 1][:, t] if i and decoder.training else x
            a = F.linear(torch.cat([x, hs[i]], 1), both[i], biases[i] if i else None)
            a = a + gates[:, t] if i == 0 else a
            i_, f, g, o = a.chunk(4, 1)
            cs[i] = f.sigmoid() * cs[i] + i_.sigmoid() * g.tanh()
            hs[i] = x = o.sigmoid() * cs[i].tanh()
        c, alpha = attention.look(x[:, None], of)
        last = torch.tanh(W_c(torch.cat([c[:, 0], x], 1)))
        seen.append(last)
        alphas.append(alpha)
    if attention.alpha.heard:
        attention.alpha(torch.cat(alphas, 1))
    return torch.stack(seen, 1), HiddenCell(torch.stack(hs, 1), torch.stack(cs, 1))
