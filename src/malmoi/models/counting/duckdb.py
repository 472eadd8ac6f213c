"""N-grams counted with DuckDB, which sorts on disk what does not fit into the memory it may take.

Its table has a row for each place of the text: the n tokens that begin there.  Once they are sorted
every n-gram is a run of rows, as in `kernels.counting`, and lies on disk from then on.
"""

import tempfile

import numpy as np
from jaxtyping import Integer

from malmoi.errors import UsageError
from malmoi.kernels.windows import windows
from malmoi.models.counting import Places
from malmoi.models.counting.disk import no_room, on_disk

PART = 1 << 17  # places of the text that are handed over at once


def places(stream: Integer[np.ndarray, " N"], order: int, memory: str) -> Places:
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            "counting with DuckDB needs DuckDB, which is not installed",
            where='model.counting = "duckdb"',
            hint="pip install 'malmoi[big]'",
        ) from None
    columns = [f"w{k}" for k in range(1, order + 1)]
    names, size = ", ".join(columns), len(stream) - 1  # no two words begin at the last place
    with tempfile.TemporaryDirectory(prefix="malmoi-") as folder:
        config = {"temp_directory": f"{folder}/spilled"}
        if memory:
            config["memory_limit"] = memory
        try:
            with duckdb.connect(f"{folder}/counts.duckdb", config=config) as base:
                base.execute("SET enable_progress_bar = false")  # it would go to stdout
                base.execute("SET preserve_insertion_order = false")
                base.execute(f"CREATE TABLE text ({', '.join(f'{c} INTEGER' for c in columns)})")
                for begin in range(0, size, PART):
                    part = windows(stream, begin, min(begin + PART, size), order)
                    base.register("part", dict(zip(columns, part, strict=True)))
                    base.execute(f"INSERT INTO text SELECT {names} FROM part")
                base.execute("SET preserve_insertion_order = true")
                base.execute(f"CREATE TABLE sorted AS SELECT {names} FROM text ORDER BY {names}")
                rows = on_disk((size, order), np.int32)
                for begin in range(0, size, PART):
                    end = min(begin + PART, size)
                    found = base.execute(
                        f"SELECT {names} FROM sorted WHERE rowid >= {begin} AND rowid < {end}"
                    ).fetchnumpy()
                    for k, c in enumerate(columns):
                        rows[begin:end, k] = found[c]
        except (duckdb.OutOfMemoryException, duckdb.ParserException) as error:
            raise UsageError(
                "DuckDB cannot count within this memory",
                where=(f'model.memory = "{memory}"', str(error).splitlines()[0]),
                hint="give it more, such as model.memory=1GB",
            ) from None
        except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
            raise no_room(str(error).splitlines()[0]) from None
    return Places(rows, np.empty(0, np.int64))
