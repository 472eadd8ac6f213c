"""Reading in both directions: every token sees the whole sentence.

Schuster & Paliwal, "Bidirectional recurrent neural networks" (1997); deep: Graves et al. (2013)
    →h_t = f(x_t, →h_{t-1})      ←h_t = f(x_t, ←h_{t+1})      h_t = [→h_t ; ←h_t]

The backward half reads each sentence from its own last token, wherever the padding is, so a padded
batch gives what each sentence gives alone.  Layer l reads h of layer l − 1, both halves of it.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from malmoi.layers.dropout import Dropout
from malmoi.layers.recurrent import GRU, LSTM, Elman, Hidden, HiddenCell

Cell = Literal["elman", "gru", "lstm"]


def leftward(mask: Bool[Tensor, "B T"]) -> Int[Tensor, "B T"] | None:
    """Where the i-th real token of a row stands, padding behind; None if that is so already."""
    if bool((mask[:, 1:] <= mask[:, :-1]).all()):
        return None
    return (~mask).to(torch.uint8).argsort(dim=1, stable=True)


def backward(mask: Bool[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """The order that reads each row from its last real token to its first, padding behind.

    mask: real tokens first.  Its own inverse.
    """
    at = torch.arange(mask.size(1), device=mask.device)
    from_end = mask.sum(1, keepdim=True) - 1 - at
    return torch.where(from_end >= 0, from_end, at)


def along(x: Float[Tensor, "B T d"], order: Int[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
    """The places of each row in another order."""
    return x.gather(1, order[..., None].expand_as(x))


Ends: TypeAlias = tuple[Float[Tensor, "B d"], ...]
Read: TypeAlias = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Ends]]


def deep(
    x: Float[Tensor, "B T _"],
    mask: Bool[Tensor, "B T"],
    forwards: Sequence[nn.Module],
    backwards: Sequence[nn.Module],
    drop: Dropout,
    read: Read,
) -> tuple[Float[Tensor, "B T d"], list[Ends]]:
    """Layer above layer, each both ways where there are `backwards`: what the last one saw at each
    word, zeros where there is none; and where each ended.

    read: a layer, sentences with padding behind, and where they are words, to what is seen at each
    place and where each row ended.
    """
    there = mask
    if (order := leftward(mask)) is not None:
        x, mask = along(x, order), mask.gather(1, order)
    turned = backward(mask)
    ends = []
    for i, ahead in enumerate(forwards):
        x = drop(x) if i else x
        seen, end = read(ahead, x, mask)
        if backwards:
            back, other = read(backwards[i], along(x, turned), mask)
            seen = torch.cat([seen, along(back, turned)], -1)
            end = tuple(torch.cat(pair, -1) for pair in zip(end, other, strict=True))
        x = seen
        ends.append(end)
    if order is not None:
        x = along(x, order.argsort(dim=1))
    return x * there[..., None], ends


class Encoder(nn.Module):
    """Recurrent layers over sentences.  width: of what comes out, 2d where both directions are.

    dropout: between the layers; locked: one mask for all the steps of a row.  reset: of a GRU.
    """

    def __init__(
        self,
        cell: Cell,
        d_in: int,
        d: int,
        layers: int,
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        locked: bool = False,
        reset: Literal["before", "after"] = "after",
    ) -> None:
        super().__init__()
        self.d = d
        self.width = 2 * d if bidirectional else d
        widths = [d_in, *[self.width] * (layers - 1)]
        self.forwards = nn.ModuleList(_reader(cell, width, d, reset) for width in widths)
        self.backwards = nn.ModuleList(
            _reader(cell, width, d, reset) for width in widths if bidirectional
        )
        self.drop = Dropout(dropout, locked=locked)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """U orthogonal, W by Glorot's rule, b zero; the forget gate begins open (b_f = 1)."""
        for name, weight in self.named_parameters():
            if "weight_hh" in name:
                for gate in weight.data.view(-1, self.d, weight.size(1)):
                    nn.init.orthogonal_(gate)
            elif "weight_ih" in name:
                for gate in weight.data.view(-1, self.d, weight.size(1)):
                    nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(weight)
                if "bias_ih" in name and len(weight) == 4 * self.d:
                    weight.data[self.d : 2 * self.d] = 1.0

    def forward(
        self, x: Float[Tensor, "B T _"], mask: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T width"]:
        """One vector a token; zeros where there is none."""
        if not x.size(1):
            return x.new_zeros(len(x), 0, self.width)
        return deep(x, mask, list(self.forwards), list(self.backwards), self.drop, self._read)[0]

    def _read(self, reader: nn.Module, x: Tensor, mask: Tensor) -> tuple[Tensor, Ends]:
        zeros = x.new_zeros(len(x), 1, self.d)
        states = reader(x, HiddenCell(zeros, zeros) if isinstance(reader, LSTM) else Hidden(zeros))
        return states[0], ()


def _reader(cell: Cell, d_in: int, d: int, reset: Literal["before", "after"]) -> nn.Module:
    match cell:
        case "elman":
            return Elman(d_in, d, 1)
        case "gru":
            return GRU(d_in, d, 1, reset=reset)
        case "lstm":
            return LSTM(d_in, d, 1)
