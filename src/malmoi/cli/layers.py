"""`malmoi layers`: what a layer costs."""

import click

from malmoi.cli.count import counting
from malmoi.cli.options import machine, quiet, say, set_up
from malmoi.errors import UsageError


def _numbers(text: str, name: str) -> list[int]:
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = []
    if len(found) < 2 or not 1 <= found[0] <= found[-1] <= 2**17:
        raise UsageError(
            f"{name} are two or more numbers from 1 on", where=text, hint=f"--{name} 64,128,256"
        )
    return found


@click.command("layers")
@click.option("-o", "--out", metavar="FILE", help=".html, .svg, .png or .json [default: a table]")
@click.option("--lengths", default="16,32,64,128,256,512,1024", show_default=True)
@click.option("--widths", default="64,128,256,512", show_default=True, help="Multiples of 64.")
@click.option(
    "--batch", type=click.IntRange(1), default=4, show_default=True, help="Texts at once."
)
@click.option(
    "--kernel", type=click.IntRange(3), default=3, show_default=True, help="Of the convolution."
)
@click.option("--width", type=click.IntRange(280, 4000), default=760, help="Of .svg and .png.")
@machine
@quiet
def layers_(
    out: str | None,
    lengths: str,
    widths: str,
    batch: int,
    kernel: int,
    width: int,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Time and memory of self-attention, an LSTM and a convolution, by length and width.

    The table of complexities of "Attention is all you need", measured on this machine: minutes, of
    which the long and wide ones take most.  The layers take turns; on a machine that does something
    else besides, times say less, and memory the same.
    """
    from malmoi.explain.complexity import Complexity
    from malmoi.explain.cost import LAYERS, measure
    from malmoi.explain.save import check, save

    n, d = _numbers(lengths, "lengths"), _numbers(widths, "widths")
    if wrong := [w for w in d if w > 64 and w % 64]:
        raise UsageError(
            f"a width of {wrong[0]} cannot be shared by heads of 64", hint="--widths 64,128"
        )
    if out is not None:
        check(out)
    name = set_up(threads, device)
    costs = []
    with counting("measuring", len(LAYERS) * len(n) * len(d), "costs", quiet=quiet) as done:
        for cost in measure(n, d, batch=batch, kernel=kernel, device=name):
            costs.append(cost)
            done(1)
    picture = Complexity(tuple(costs), batch, kernel, here(name))
    if out is None:
        from rich.console import Console
        from rich.table import Table

        for told in (picture.crossings(), picture.theory()):
            table = Table(box=None, pad_edge=False)
            for text in told.head:
                table.add_column(text)
            for row in told.rows:
                table.add_row(*row)
            Console().print(table, "")
    else:
        save(picture, out, width=width)
        say(f"written: {out}", quiet=quiet)


def here(device: str) -> str:
    """What times depend on."""
    import platform

    import torch

    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    return f"{platform.machine()}, {threads} thread{'s' * (threads > 1)}, torch {torch.__version__}"
