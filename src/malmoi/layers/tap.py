"""A named place in an equation, where a reader may listen.

A `Tap` returns its input unchanged.  It has no parameters, so it leaves no trace in a checkpoint,
and none in an exported graph.  Each quantity that a paper draws a picture of gets one:

    alpha = self.alpha(e.softmax(-1))

`malmoi.explain.listen` is the other end.
"""

from torch import Tensor, nn


class Tap(nn.Module):
    """The identity, with a name: its path in the model, such as `blocks.0.attention.alpha`."""

    @property
    def heard(self) -> bool:
        """Is anyone listening?  Fused kernels, which never form their weights, ask this."""
        return bool(self._forward_hooks)

    def forward(self, x: Tensor) -> Tensor:
        return x
