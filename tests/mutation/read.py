"""The list of mutants: the text files of the folder `mutants`.

    file kconsist/ema.py
    test tests/test_ema.py
    test tests/contract/test_averages.py -k fixmatch

    mutant mean warm-up a step late
    - 1.0 / (step + 1.0)
    + 1.0 / (step + 2.0)

`file` and `test` hold for the mutants below them, up to the next `file`. The
lines of `-` are the text that is replaced, which must occur once in the file,
or once below the one place of `after TEXT`; those of `+` are its replacement.
`survives REASON` accepts an equivalent mutant, which no test could kill. `test`
takes a path, which may have wildcards, and pytest's options.
"""

import dataclasses
import pathlib
import shlex

FOLDER = pathlib.Path(__file__).parent / "mutants"


@dataclasses.dataclass
class Mutant:
    """One change of one file, and the tests that should fail on it."""

    name: str
    file: str
    tests: list
    old: list = dataclasses.field(default_factory=list)
    new: list = dataclasses.field(default_factory=list)
    after: str = ""
    survives: str = ""

    def apply(self, text):
        """Returns the changed text of the file."""
        old, new = "\n".join(self.old), "\n".join(self.new)
        start = 0
        if self.after:
            self.expect_one(text.count(self.after), self.after)
            start = text.index(self.after)
        found = text[start:].count(old)
        if not self.after or not found:
            self.expect_one(found, old)
        place = text.index(old, start)
        changed = text[:place] + new + text[place + len(old) :]
        compile(changed, self.file, "exec")
        if changed == text:
            raise ValueError(f"{self.file}: {self.name!r} changes nothing")
        return changed

    def expect_one(self, found, text):
        """Raises ValueError unless a text was found once."""
        if found != 1:
            raise ValueError(
                f"{self.file}: {self.name!r} expects its text once, found it "
                f"{found} times:\n{text}"
            )


def read(folder=FOLDER):
    """Returns all mutants in the order of their files."""
    mutants = []
    for path in sorted(folder.glob("*.txt")):
        mutants += parse(path.read_text())
    names = [(mutant.file, mutant.name) for mutant in mutants]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"mutants of one name: {sorted(twice)}")
    return mutants


def parse(text):
    """Returns the mutants of one text file."""
    mutants, file, tests = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.partition(" ")
        if word == "file":
            file, tests = rest, []
        elif word == "test":
            tests.append(shlex.split(rest))
        elif word == "mutant":
            mutants.append(Mutant(rest, file, tests))
        elif word == "-":
            mutants[-1].old.append(rest)
        elif word == "+":
            mutants[-1].new.append(rest)
        elif word in ("after", "survives"):
            setattr(mutants[-1], word, rest)
        elif line:
            raise ValueError(f"line {number} is none of the format: {line!r}")
    return mutants
