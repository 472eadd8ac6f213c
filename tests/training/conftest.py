"""`tiny` is both a helper of these tests and a program that they start."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import malmoi

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start `tiny.py FOLDER …` as a process, or as several under torchrun."""

    def start(folder: Path, *options: str, processes: int = 1, **configs: object):
        command = [sys.executable, "-W", "ignore"]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone"]
            command += [f"--nproc-per-node={processes}"]
        command += [str(HERE / "tiny.py"), str(folder), *options]
        for name, config in configs.items():
            command += [f"--{name}", json.dumps(config)]
        source = str(Path(malmoi.__file__).parents[1])
        environ = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start
