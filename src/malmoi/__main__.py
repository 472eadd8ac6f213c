"""`python -m malmoi`, and what torchrun starts: `torchrun … -m malmoi train …`."""

from malmoi.cli import main

main()
