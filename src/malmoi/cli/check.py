"""`malmoi check RUN`: the laws on a model of one's own."""

import click

from malmoi.cli.options import RUN, json_, machine, quiet, set_up, show_json


@click.command("check")
@RUN
@json_
@machine
@quiet
def check_(run: str, as_json: bool, threads: int | None, device: str | None, quiet: bool) -> int:
    """Test the laws every model obeys on a run of yours.

    Exit 0 if all hold, 1 if one is broken.
    """
    from malmoi.use import load
    from malmoi.use.laws import check

    lm = load(run, device=set_up(threads, device))
    findings = []
    for finding in check(lm):
        findings.append(finding)
        if not as_json:
            mark = "ok    " if finding.ok else "BROKEN"
            click.echo(
                f"{mark}  {finding.law:<16} {finding.difference:9.2e} ≤ {finding.limit:.0e}"
                f"   {finding.explanation}"
            )
    if as_json:
        show_json([finding._asdict() for finding in findings])
    return 0 if all(finding.ok for finding in findings) else 1
