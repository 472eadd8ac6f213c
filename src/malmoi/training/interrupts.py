"""SIGINT and SIGTERM: asked to stop, a training ends its step, saves, and goes.

with signals() as stop:
    try:
        for event in fit(…, stop=stop): …
    except Interrupted:
        save(…)  # model and state are those of the last event
        raise
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from malmoi.errors import Interrupted

GRACE = 25  # seconds; torchrun kills after 30


class Stop:
    """signal: the number of the signal that came, or 0."""

    def __init__(self) -> None:
        self.signal = 0
        self._at_once = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Something that may be dropped halfway: a signal does not wait for its end."""
        self._at_once = True
        try:
            heed(self.signal)
            yield
        finally:
            self._at_once = False


def heed(number: int) -> None:
    """Raise Interrupted if `number` is a signal's.

    Of several processes each must heed the same number, one that all have been told: a signal
    reaches them at different moments, and one that left alone would be waited for.
    """
    if number:
        raise interrupted(number)


def interrupted(number: int) -> Interrupted:
    return Interrupted(f"stopped by {signal.Signals(number).name}", signal=number)


@contextmanager
def signals(*, others: bool = False) -> Iterator[Stop]:
    """Note SIGINT and SIGTERM instead of dying of them.

    A second one does what it always did, so an impatient person is not locked in.  others: this is
    one of several processes, and must not wait for ever for one that is gone.  In a thread other
    than the main one Python hears no signals, and neither does this.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        stop.signal = number
        restore()
        if others:  # the default action of SIGALRM ends a process even inside a blocked call
            signal.alarm(GRACE)
        if stop._at_once:
            raise interrupted(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        if others:
            signal.alarm(0)
        restore()
