"""What the weights of a recurrent network begin with (Zaremba et al. 2014, §4; Jozefowicz et al.
2015: the forget gates of LSTMs open)."""

from torch import nn


def uniform_(module: nn.Module, init: float, *, forget_bias: float | None = None) -> None:
    """Matrices uniform in ±init, biases zero, the forget gates of LSTMs at `forget_bias`."""
    for name, weight in module.named_parameters():
        if weight.dim() > 1 or ".v" in name:
            nn.init.uniform_(weight, -init, init)
        else:
            nn.init.zeros_(weight)
            if forget_bias is not None and "bias_ih" in name:
                d = len(weight) // 4
                weight.data[d : 2 * d] = forget_bias
