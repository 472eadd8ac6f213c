"""SIGINT and SIGTERM: asked to stop, a training ends its step, saves, and goes.

with signals() as stop:
    for event in fit(...):
        if stop.signal: save(...); raise Interrupted(...)
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """signal: the number of the signal that came, or None."""

    signal: int | None = None


@contextmanager
def signals() -> Iterator[Stop]:
    """Note SIGINT and SIGTERM instead of dying of them.

    A second one does what it always did, so an impatient person is not locked in.  In a thread
    other than the main one Python hears no signals, and neither does this.
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

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        restore()
