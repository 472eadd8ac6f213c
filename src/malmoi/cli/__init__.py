"""The command line: one module a group of verbs, imported only when its verb is called.

Results go to stdout, everything else to stderr.  Exit 0: done.  2: your input.  1: our fault.
130, 143: stopped by a signal, after saving.
"""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from types import FrameType

import click

VERBS = {
    "compare": ("compare", "Train several models on one text and compare them in one table."),
    "train": ("train", "Train a model, by name or by recipe; resume a run that was stopped."),
    "evaluate": ("evaluate", "How good a run is on a text: perplexity, accuracy, F1, BLEU."),
    "generate": ("write", "Write on from a prompt: greedy, sampling or beam search."),
    "next": ("write", "The likeliest next tokens after a prompt."),
    "score": ("evaluate", "Log-probability of each sentence, or the surprisal of each token."),
    "rank": ("judge", "Which of several sentences is likeliest, the best first."),
    "copied": ("judge", "Which passages were copied from a source."),
    "translate": ("translate", "Write one text from another: a line in, a line out."),
    "classify": ("read", "The label of each text, and its probability."),
    "tag": ("read", "The tag of every word, the entities, and where they stand in the text."),
    "explain": ("explain", "A picture of why a model answers so, and of what goes on in it."),
    "vectors": ("vectors", "Word vectors: nearest words, analogies, similarity, export."),
    "check": ("check", "Test the laws every model obeys on a run of yours."),
    "export": ("export", "Write a run in another program's format."),
    "import": ("importing", "Make a run of a model that another program trained."),
    "data": ("data", "List, inspect and fetch data sets."),
    "layers": ("layers", "What layers cost: time and memory by length and width, measured here."),
    "models": ("models", "The ladder: every model, its paper, what it is for."),
}


GROUPS = {
    "Train and measure": ("compare", "train", "evaluate", "check", "export", "import"),
    "Write and judge, with a language model": ("generate", "next", "score", "rank", "copied"),
    "Write from something read, with a translator": ("translate",),
    "Read, with a classifier or a tagger": ("classify", "tag"),
    "Look inside": ("explain",),
    "Words, with word vectors": ("vectors",),
    "What there is": ("data", "models", "layers"),
}


class LazyGroup(click.Group):
    """A group that knows its verbs without importing what they need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"malmoi.cli.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from malmoi.errors import did_you_mean

            ctx.fail(f"there is no verb {args[0]!r}; {did_you_mean(args[0], VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(verb, VERBS[verb][1]) for verb in verbs])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="malmoi", message="malmoi %(version)s")
def cli() -> None:
    """malmoi (말모이): train, compare and use the sequence models of NLP on your own text.

    \b
    malmoi compare --data python-docs      the ladder on one text, one table, one report
    malmoi train lstm --data my.txt --to runs/lstm
    malmoi generate runs/lstm --prompt "…"
    malmoi train bilstm-crf --data train.conllu --to runs/pos
    malmoi tag runs/pos < sentences.txt
    """


def main() -> None:
    """Run the command line and turn every ending into an exit code."""
    _open_what_is_closed()
    if "WORLD_SIZE" not in os.environ:  # torchrun has its own way to end its processes
        signal.signal(signal.SIGTERM, _terminate)
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
    os._exit(code)  # taking torch apart again lasts most of a second, and a signal's ten may be few


def _open_what_is_closed() -> None:
    """`malmoi … >&-`: else the next file that is opened gets the number, and what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _terminate(number: int, frame: FrameType | None) -> None:
    """SIGTERM outside of a training, where nothing need be saved: leave, and clean up."""
    from malmoi.errors import Interrupted

    raise Interrupted("stopped by SIGTERM", signal=number)


def run(arguments: list[str]) -> int:
    """The command line as a function: what it prints is printed, its exit code is returned."""
    from malmoi.errors import MalmoiError

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = cli.main(args=arguments, prog_name="malmoi", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        context = getattr(error, "ctx", None)
        if context is not None:
            click.echo(f"hint: {context.command_path} --help", err=True)
        return 2
    except MalmoiError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # click takes it for a person's Ctrl-D
            raise error.__cause__ from None
        click.echo("stopped", err=True)
        return 130
    except (BrokenPipeError, SystemExit):  # SystemExit: click and rich, of the same
        sys.stdout = None  # the reader is gone: nothing to flush
        return 0
    except (MemoryError, RuntimeError, ValueError) as error:
        if not _of_memory(error):
            raise
        click.echo(f"error: there is not enough memory for this\n  {_first_line(error)}", err=True)
        click.echo("hint: a smaller model, vocabulary, batch or beam", err=True)
        return 2
    except OSError as error:
        sys.stdout = None  # what could not be written cannot be flushed either
        click.echo(f"error: {error.strerror or error}\n  {error.filename or 'stdout'}", err=True)
        return 2


def _of_memory(error: Exception) -> bool:
    """Whether more was asked for than there is, or than can be counted."""
    words = ("allocate memory", "out of memory", "overflowed with sizes", "array is too big")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200] or type(error).__name__
