"""N-grams counted by DuckDB: what does not fit into the memory it may take goes to the disk."""

import tempfile
from collections.abc import Iterator

import numpy as np
from jaxtyping import Integer

from malmoi.errors import UsageError
from malmoi.kernels.windows import windows
from malmoi.models.counting import Counted

PART = 1 << 20  # places of the text that are handed over at once


def levels(stream: Integer[np.ndarray, " N"], order: int, memory: str) -> Iterator[Counted]:
    """Orders 2 … n, of a table with the n tokens that begin at each place of the text."""
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            "counting with DuckDB needs DuckDB, which is not installed",
            where='model.counting = "duckdb"',
            hint="pip install 'malmoi[big]'",
        ) from None
    columns = [f"w{k}" for k in range(1, order + 1)]
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(f"{folder}/counts.duckdb") as base,
    ):
        try:
            base.execute(f"SET temp_directory = '{folder}/spilled'")
            base.execute("SET preserve_insertion_order = false")
            if memory:
                base.execute("SET memory_limit = ?", [memory])
            base.execute(f"CREATE TABLE text ({', '.join(f'{c} INTEGER' for c in columns)})")
            for begin in range(0, len(stream), PART):
                rows = windows(stream, begin, min(begin + PART, len(stream)), order)
                part = {c: np.ascontiguousarray(rows[:, k]) for k, c in enumerate(columns)}
                base.register("part", part)
                base.execute(f"INSERT INTO text SELECT {', '.join(columns)} FROM part")
            for k in range(2, order + 1):
                names = ", ".join(columns[:k])
                inside = "".join(f" AND {c} <> 0" for c in columns[1 : k - 1])
                found = base.execute(
                    f"SELECT {names}, count(*)::INTEGER AS said FROM text "
                    f"WHERE {columns[k - 1]} >= 0{inside} GROUP BY {names} ORDER BY {names}"
                ).fetchnumpy()
                grams = np.stack([found.pop(c) for c in columns[:k]], 1)
                yield Counted(grams, np.asarray(found["said"]))
        except (duckdb.OutOfMemoryException, duckdb.ParserException) as error:
            raise UsageError(
                "DuckDB cannot count within this memory",
                where=(f'model.memory = "{memory}"', str(error).splitlines()[0]),
                hint="give it more, such as model.memory=1GB",
            ) from None
