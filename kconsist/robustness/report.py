"""The result of an evaluation: a tidy table, its summaries, and files of it."""

import csv
import dataclasses
import io
import json
import pathlib

import numpy as np

from kconsist.robustness import summaries
from kconsist.robustness.report_files import read_hits, write_file, write_hits

CLEAN = ("clean", 0)

COLUMNS = (
    "model",
    "data",
    "corruption",
    "group",
    "severity",
    "examples",
    "accuracy",
    "error",
    "nll",
    "ece",
    "rms_calibration",
    "disagreement",
)


@dataclasses.dataclass
class Report:
    """Scores of one model on the cells of one source.

    Attributes:
        model: str, the model's name.
        rows: list of dict with the keys of `COLUMNS`, one a cell, the clean
            images first (corruption `"clean"`, severity 0). Scores are in
            [0, 1], the negative log-likelihood in nats; disagreement is `None`
            where it is not defined.
        hits: bool array (cells, examples), whether each image was answered
            right, in the order of `rows`; or `None` if it was not kept.
        about: dict of what was evaluated: data, notes, seeds, versions.

    Example:
        ```python
        import numpy as np
        from kconsist import models
        from kconsist.robustness import Arrays, evaluate

        images, labels = np.zeros((10, 32, 32, 3), "uint8"), np.arange(10)
        model = models.WideResNet(10, 1)
        report = evaluate(
            model,
            Arrays({("fog", 5): images}, labels),
            corruptions=["fog"],
            severities=[5],
            batch_size=10,
            verbose=0,
        )
        print(report.row("fog", 5)["accuracy"], report.summaries)
        ```
    """

    model: str
    rows: list[dict]
    hits: np.ndarray | None
    about: dict

    @property
    def cells(self) -> list[tuple[str, int]]:
        """The (corruption, severity) of each row."""
        return [(row["corruption"], row["severity"]) for row in self.rows]

    @property
    def corruptions(self) -> list[str]:
        """The names of the corruptions evaluated, in the benchmark's order."""
        names = [row["corruption"] for row in self.rows]
        return [name for name in dict.fromkeys(names) if name != CLEAN[0]]

    @property
    def severities(self) -> list[int]:
        """The severities evaluated."""
        found = {row["severity"] for row in self.rows}
        return sorted(found - {CLEAN[1]})

    def row(self, corruption: str, severity: int) -> dict:
        """Returns the row of a cell.

        Raises:
            ValueError: the cell was not evaluated.
        """
        for row in self.rows:
            if (row["corruption"], row["severity"]) == (corruption, severity):
                return row
        raise ValueError(
            f"{corruption}, severity {severity}, was not evaluated for "
            f"{self.model!r}"
        )

    def summary(self, name: str) -> float:
        """Returns one summary.

        Args:
            name: one of `kconsist.robustness.SUMMARIES`, such as
                `"mean_accuracy_15"`.

        Raises:
            ValueError: an unknown name, or one of cells that were not
                evaluated.
        """
        summary = summaries.find(name)
        self.check_cells(name)
        values = [self.row(*cell)[summary.score] for cell in summary.cells]
        if None in values:
            raise ValueError(
                f"{name} needs clean images in the order of the corrupted "
                f"ones, which {self.about['data']!r} was evaluated without"
            )
        mean = float(np.mean(values))
        if summary.below_clean:
            return self.row(*CLEAN)[summary.score] - mean
        return mean

    def check_cells(self, name: str) -> None:
        """Raises `ValueError` where a summary's cells were not evaluated."""
        missing = summaries.missing(summaries.find(name), self.cells)
        if missing:
            raise ValueError(
                f"{name} needs {len(missing)} cells that were not evaluated "
                f"for {self.model!r}, among them {missing[:3]}"
            )

    @property
    def summaries(self) -> dict[str, float]:
        """All summaries whose cells were evaluated, by name."""
        found = {}
        for name in summaries.SUMMARIES:
            try:
                found[name] = self.summary(name)
            except ValueError:
                continue
        return found

    def to_csv(self, path, against=()) -> None:
        """Writes the tidy table, one row a cell.

        Args:
            path: file.
            against: other reports, whose rows follow. Defaults to none.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for report in (self, *against):
            writer.writerows(report.rows)
        write_file(path, text.getvalue().encode(errors="backslashreplace"))

    def to_json(self, path) -> None:
        """Writes all of the report, for `Report.load`.

        The hits go into a file beside it: `report.json`, `report.hits.npy`.
        """
        path = pathlib.Path(path)
        content = {
            "model": self.model,
            "about": self.about,
            "summaries": self.summaries,
            "rows": self.rows,
            "hits": None,
        }
        if self.hits is not None:
            content["hits"] = write_hits(path, self.hits)
        write_file(path, (json.dumps(content, indent=2) + "\n").encode())

    @classmethod
    def load(cls, path) -> "Report":
        """Reads what `to_json` wrote.

        Without the file of hits beside it, the report has no hits: all but
        `compare` works.

        Raises:
            ValueError: a file of another kind, or hits of another report.
        """
        path = pathlib.Path(path)
        try:
            content = json.loads(path.read_text())
            kept = content["hits"]
            fields = content["model"], content["rows"], content["about"]
            if [type(field) for field in fields] != [str, list, dict]:
                raise TypeError("model, rows or about of another type")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} must be a report that to_json wrote, got another "
                f"file: {error!r}"
            ) from error
        hits = None if kept is None else read_hits(path, kept)
        return cls(fields[0], fields[1], hits, fields[2])

    def to_markdown(self, path=None, against=(), references=False) -> str:
        """Returns the report as Markdown.

        Args:
            path: file to write it to as well. Defaults to none.
            against: other reports, to stand beside this one and be compared
                with it. Defaults to none.
            references: whether to print rows from the literature (CIFAR-10
                alone). Defaults to `False`.
        """
        from kconsist.robustness.markdown import markdown

        text = markdown(self, against, references)
        if path is not None:
            write_file(path, text.encode())
        return text

    def to_html(self, path, against=(), references=False) -> None:
        """Writes one self-contained page: tables, pictures, what was run.

        Args:
            path: file.
            against: other reports, to stand beside this one and be compared
                with it. Defaults to none.
            references: whether to print rows from the literature (CIFAR-10
                alone). Defaults to `False`.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from kconsist.robustness.html import page

        write_file(path, page(self, against, references).encode())

    def plot(self, against=()):
        """Draws a heat map, accuracy by severity, and bars a corruption.

        Args:
            against: other reports, for the bars. Defaults to none.

        Returns:
            A `matplotlib.figure.Figure`, which a notebook shows.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from kconsist.robustness.plots import overview

        return overview(self, against)
