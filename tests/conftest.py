"""What every test may ask for, and the shape checks of the whole library."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

hook = install_import_hook("malmoi", "beartype.beartype")
hook.__enter__()

torch.set_num_threads(1)
settings.register_profile("house", deadline=None)  # a busy machine is no failure
settings.load_profile("house")
CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shelf of real data sets.  Where it is not, its tests are reported as not run."""
    folder = os.environ.get("MALMOI_DATA")
    if folder is None or not Path(folder).is_dir():
        pytest.skip("not run: MALMOI_DATA does not name a folder of data sets")
    return Path(folder)


def oracle(name: str) -> object:
    """Import an independent implementation; with CI=true its absence is a failure."""
    if CI:
        return __import__(name)
    return pytest.importorskip(name, reason=f"not run: the oracle {name} is not installed")
