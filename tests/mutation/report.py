"""The table of what was killed."""

import collections
import dataclasses
import datetime
import subprocess
import time


@dataclasses.dataclass
class Result:
    """What became of one mutant: killed, timed out or survived."""

    mutant: object
    verdict: str
    killer: str
    start: dataclasses.InitVar[float]

    def __post_init__(self, start):
        self.seconds = time.time() - start

    @property
    def counts_against(self):
        """Whether it survived, and isn't accepted as equivalent."""
        return self.verdict == "survived" and not self.mutant.survives


def line(result):
    """Returns one line about one mutant."""
    mutant = result.mutant
    return (
        f"{result.verdict:9} {result.seconds:5.1f} s  {mutant.file}: "
        f"{mutant.name}  {result.killer}"
    )


def markdown(results, root):
    """Returns the tables by file, of the survivors, and of every mutant."""
    files = collections.defaultdict(collections.Counter)
    for result in results:
        verdict = result.verdict
        if verdict == "survived" and result.mutant.survives:
            verdict = "equivalent"
        files[result.mutant.file][verdict] += 1
        files["all"][verdict] += 1
    files["all"] = files.pop("all", collections.Counter())
    columns = ("killed", "timed out", "survived", "equivalent")
    rows = [
        [file, *(counts[column] for column in columns)]
        for file, counts in files.items()
    ]
    left = [
        [f"{r.mutant.file}: {r.mutant.name}", r.mutant.survives or "no test"]
        for r in results
        if r.verdict == "survived"
    ]
    each = [
        [r.mutant.file.removeprefix("kconsist/"), r.mutant.name, _short(r)]
        for r in results
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=root,
        capture_output=True,
        text=True,
    ).stdout.strip()
    parts = [
        "# Mutants of the package, and the tests that see them",
        f"`python tests/mutation/run.py --write`, {datetime.date.today()}, "
        f"commit {commit}.",
        _table(["file", *columns], rows),
        "## Survivors",
        _table(["mutant", "why"], left) if left else "None.",
        "## Every mutant",
        _table(["file", "mutant", "killed by"], each),
    ]
    return "\n\n".join(parts) + "\n"


def _short(result):
    if result.verdict != "killed":
        return result.verdict
    return result.killer.removeprefix("tests/").replace("|", "/")


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
