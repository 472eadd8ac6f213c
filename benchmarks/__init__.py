"""Our speed beside our peers': `make bench`, or `python -m benchmarks lstm`."""
