import pytest

from benchmarks import harness


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured here, so nobody need wait for threads to sleep."""
    monkeypatch.setattr(harness, "REST", 0.0)
