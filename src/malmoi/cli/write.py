"""The verbs that write: `malmoi generate` and `malmoi next`."""

import sys

import click

from malmoi.cli.options import RUN, json_, machine, quiet, say, seed, set_up, show, show_json
from malmoi.errors import UsageError


def prompt_of(prompt: str) -> str:
    """The prompt itself, or the first line of stdin for `-`."""
    if prompt != "-":
        return prompt
    from malmoi.data.formats import read_lines

    return next(read_lines(sys.stdin.buffer, name="stdin"), "")


@click.command("generate")
@RUN
@click.option("--prompt", default="", metavar="TEXT", help="What to write on from; - is stdin.")
@click.option(
    "--n", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many texts."
)
@click.option(
    "--beam",
    type=click.IntRange(0, 10_000),
    default=0,
    help="Beam search with so many slots; 1 is greedy.",
)
@click.option("--length-penalty", type=float, default=0.0, help="α of the beam's normalisation.")
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option("--top-k", type=click.IntRange(0), default=0, help="Only the k likeliest; 0: all.")
@click.option(
    "--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Only the nucleus."
)
@click.option("--repetition-penalty", type=click.FloatRange(0, min_open=True), default=1.0)
@click.option("--max-tokens", type=click.IntRange(1), default=100, show_default=True)
@json_
@seed
@machine
@quiet
def generate_(
    run: str,
    prompt: str,
    n: int,
    beam: int,
    length_penalty: float,
    temperature: float,
    top_k: int,
    top_p: float,
    repetition_penalty: float,
    max_tokens: int,
    as_json: bool,
    seed: int | None,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Write on from a prompt, until the model ends the line.

    \b
    malmoi generate runs/lstm --prompt "The list" --temperature .8 --top-k 40 --n 3
    malmoi generate runs/lstm --prompt "The list" --beam 5
    """
    from malmoi.use import LanguageModel, load_as

    if beam and n > beam:
        raise UsageError(f"a beam of {beam} has no {n} best texts", hint=f"--beam {n}")
    name = set_up(threads, device)
    lm = load_as(LanguageModel, run, device=name)
    texts = lm.generate(
        prompt_of(prompt),
        n=n,
        beam=beam,
        length_penalty=length_penalty,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        max_tokens=max_tokens,
        seed=seed if seed is not None else 0,
    )
    if as_json:
        show_json([text._asdict() for text in texts])
        return
    for text in texts:
        show(text.text)
    say(f"log p: {', '.join(f'{text.log_prob:.2f}' for text in texts)}", quiet=quiet)


@click.command("next")
@RUN
@click.argument("prompt", default="")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@json_
@machine
@quiet
def next_(
    run: str,
    prompt: str,
    k: int,
    as_json: bool,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """The likeliest next tokens after PROMPT, with their probabilities."""
    from malmoi.use import LanguageModel, load_as

    lm = load_as(LanguageModel, run, device=set_up(threads, device))
    likeliest = lm.next(prompt_of(prompt), k=k)
    if as_json:
        show_json([{"token": token, "probability": p} for token, p in likeliest])
        return
    for token, p in likeliest:
        show(f"{p:.6f}\t{token}")
