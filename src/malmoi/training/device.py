"""Where the numbers are computed: the device, its precision, its threads and its chance."""

import ctypes
import platform
import sys
from contextlib import AbstractContextManager, nullcontext

import torch

from malmoi.errors import UsageError
from malmoi.training.config import Training


def choose(name: str) -> torch.device:
    """The device of this name; `auto` is the first CUDA device, or the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    found = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= found:
        raise UsageError(
            f"there is no device {name}",
            where=f"torch {torch.__version__} sees {found} CUDA devices",
            hint="--device cpu",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"there is no device {name}", hint="--device cpu")
    return device


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def keep_memory() -> None:
    """Let the process keep the memory that tensors leave behind, for the next ones.

    glibc gives each large block back to the kernel and asks for it, zeroed page by page, again:
    a tenth of a training step on a CPU.  No number changes; other systems are left as they are.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 26)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 28)


def prepare(training: Training) -> torch.device:
    """Set what holds for the whole process (threads, memory) and return the device."""
    keep_memory()
    if training.threads:
        torch.set_num_threads(training.threads)
    return choose(training.device)


def precision(training: Training, device: torch.device) -> AbstractContextManager[object]:
    """The context in which losses are computed.  Measures are always computed outside it."""
    if training.precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def seed(seed: int, step: int, rank: int = 0) -> None:
    """Make the chance of one step (dropout, sampling) a function of (seed, step, process).

    So a resumed run needs no memory of how much chance was used up before, and nothing the caller
    draws between two steps can disturb the training.
    """
    number = _mixed(_mixed(_mixed(seed) + step) + rank)
    torch.default_generator.manual_seed(number)  # torch.manual_seed asks every backend: 100 µs
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(number)


def _mixed(x: int) -> int:
    """SplitMix64's finaliser: neighbouring numbers become unrelated ones."""
    x = (x + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return x ^ (x >> 31)


def environment(device: torch.device) -> dict[str, str | int]:
    """What, besides the recipe, the last bit of a result depends on."""
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "machine": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
    }
