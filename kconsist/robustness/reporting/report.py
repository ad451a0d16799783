"""The result of an evaluation: a table of scores, summaries and files."""

import csv
import dataclasses
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kconsist.robustness.corruptions.names import CLEAN
from kconsist.robustness.reporting._files import (
    read_report,
    write_file,
    write_report,
)
from kconsist.robustness.reporting._html import to_html
from kconsist.robustness.reporting._markdown import to_markdown
from kconsist.robustness.reporting._plots import plot_overview
from kconsist.robustness.reporting.summaries import (
    SUMMARIES,
    get_summary,
    missing_cells,
)

if TYPE_CHECKING:
    import matplotlib.figure

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
        rows: list of dict with the keys of `COLUMNS`, one per cell, the clean
            images first (corruption `"clean"`, severity 0). Scores are in
            [0, 1], the negative log-likelihood in nats. Disagreement is `None`
            if it is not defined.
        correct: bool array (cells, examples), whether the prediction for each
            image is correct, in the order of `rows`; or `None` if its file is
            missing.
        metadata: dict that describes the evaluation: data, notes, seeds,
            versions.

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
    correct: np.ndarray | None
    metadata: dict

    @property
    def cells(self) -> list[tuple[str, int]]:
        """The (corruption, severity) of each row."""
        return [(row["corruption"], row["severity"]) for row in self.rows]

    @property
    def corruptions(self) -> list[str]:
        """The evaluated corruptions, in the benchmark's order."""
        names = [row["corruption"] for row in self.rows]
        return [name for name in dict.fromkeys(names) if name != CLEAN[0]]

    @property
    def severities(self) -> list[int]:
        """The evaluated severities."""
        severities = {row["severity"] for row in self.rows}
        return sorted(severities - {CLEAN[1]})

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
        """Returns the value of one summary.

        Args:
            name: one of `kconsist.robustness.SUMMARIES`, such as
                `"mean_accuracy_15"`.

        Raises:
            ValueError: an unknown name, or a summary of cells that were not
                evaluated.
        """
        summary = get_summary(name)
        self.check_cells(name)
        values = [self.row(*cell)[summary.score] for cell in summary.cells]
        if None in values:
            raise ValueError(
                f"{name} requires clean images in the order of the corrupted "
                f"ones, but {self.metadata['data']!r} was evaluated without"
            )
        mean = float(np.mean(values))
        if summary.below_clean:
            return self.row(*CLEAN)[summary.score] - mean
        return mean

    def check_cells(self, name: str) -> None:
        """Raises `ValueError` unless all cells of a summary were evaluated."""
        missing = missing_cells(get_summary(name), self.cells)
        if missing:
            raise ValueError(
                f"{name} requires {len(missing)} cells that were not evaluated "
                f"for {self.model!r}, among them {missing[:3]}"
            )

    @property
    def summaries(self) -> dict[str, float]:
        """The summaries whose cells were all evaluated, by name."""
        values = {}
        for name in SUMMARIES:
            try:
                values[name] = self.summary(name)
            except ValueError:
                continue
        return values

    def to_csv(
        self, path: str | os.PathLike, against: Sequence["Report"] = ()
    ) -> None:
        """Writes the scores as CSV, one row per cell.

        Args:
            path: file to write.
            against: other reports, whose rows are appended. Defaults to none.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for report in (self, *against):
            writer.writerows(report.rows)
        write_file(path, text.getvalue().encode(errors="backslashreplace"))

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes the complete report, for `Report.load`.

        `correct` is written to a file next to it: `report.hits.npy` for
        `report.json`.
        """
        write_report(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Report":
        """Reads a report that `to_json` wrote.

        If the `.hits.npy` file is missing, `correct` is `None` and everything
        except `compare` works.

        Raises:
            ValueError: a file in another format, or a `.hits.npy` file of
                another report.
        """
        return cls(**read_report(path))

    def to_markdown(
        self,
        path: str | os.PathLike | None = None,
        against: Sequence["Report"] = (),
        references: bool = False,
    ) -> str:
        """Returns the report as Markdown.

        Args:
            path: file to write it to as well. Defaults to `None`.
            against: other reports, shown next to this one and compared with it.
                Defaults to none.
            references: whether to add published results (for CIFAR-10 only).
                Defaults to `False`.
        """
        text = to_markdown(self, against, references)
        if path is not None:
            write_file(path, text.encode())
        return text

    def to_html(
        self,
        path: str | os.PathLike,
        against: Sequence["Report"] = (),
        references: bool = False,
    ) -> None:
        """Writes a self-contained HTML page with tables and charts.

        Args:
            path: file to write.
            against: other reports, shown next to this one and compared with it.
                Defaults to none.
            references: whether to add published results (for CIFAR-10 only).
                Defaults to `False`.

        Raises:
            ImportError: matplotlib is not installed.
        """
        write_file(path, to_html(self, against, references).encode())

    def plot(
        self, against: Sequence["Report"] = ()
    ) -> "matplotlib.figure.Figure":
        """Plots a heat map, accuracy by severity, and a bar chart.

        Args:
            against: other reports; only with these, a bar chart compares the
                models by corruption. Defaults to none.

        Returns:
            A `matplotlib.figure.Figure`, which a notebook displays.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return plot_overview(self, against)
