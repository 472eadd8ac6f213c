"""The formats text comes in: lines.  `sniff` says what a file holds before anyone trains on it."""

from malmoi.data.lines import read_lines
from malmoi.data.sniff import Sniff, sniff

__all__ = ["Sniff", "read_lines", "sniff"]
