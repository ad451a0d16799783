"""Markdown, plots and HTML: contents, escaping and self-containment."""

import base64
import dataclasses
import html.parser
import io
import re
import xml.dom.minidom

import colored
import keras
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from kconsist import views
from kconsist.robustness import (
    CORRUPTIONS,
    Arrays,
    Generated,
    NpyFolder,
    Report,
    evaluate,
)
from kconsist.robustness.reporting import _plots
from kconsist.robustness.reporting._overlap import (
    describe,
    operation_names,
    overlapping_corruptions,
)
from kconsist.robustness.reporting._references import REFERENCES


@pytest.fixture
def report(examples, model):
    options = dict(severities=[1, 5], batch_size=30, verbose=0)
    return evaluate(model, Generated(*examples), name="teacher", **options)


@pytest.fixture
def student(examples):
    return evaluate(
        colored.network(scale=0.03),
        Generated(*examples),
        severities=[1, 5],
        batch_size=30,
        name="student <b>|",
        augmentations=views.RandAugment(),
        verbose=0,
    )


def table(text, title):
    """The rows of a Markdown table below a heading."""
    part = text.split(f"## {title}")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[cell.strip() for cell in row] for row in rows]


def test_markdown_has_every_cell(report, tmp_path):
    text = report.to_markdown(tmp_path / "report.md")
    assert (tmp_path / "report.md").read_text() == text
    header, _, clean, *rows = table(
        text, "Accuracy by corruption and severity: teacher"
    )
    assert header[:4] == ["corruption", "s1", "s5", "mean"]
    assert clean[3] == f"{100 * report.rows[0]['accuracy']:.1f}"
    assert [row[0].split(" ")[0] for row in rows] == list(CORRUPTIONS)
    for row in rows:
        cells = [report.row(row[0].split(" ")[0], s) for s in (1, 5)]
        shown = [f"{100 * cell['accuracy']:.1f}" for cell in cells]
        assert row[1:3] == shown
    names = [row[0].strip("`") for row in table(text, "Summary")[2:]]
    assert names == list(report.summaries)
    assert "mean_accuracy_15_severity_5" in names
    assert "mean_accuracy_15" not in names  # Only two severities.


def test_regenerated_and_procedural_images_are_mentioned(
    report, student, tmp_path
):
    report.to_html(tmp_path / "report.html", against=[student])
    report.to_csv(tmp_path / "report.csv")
    for text in (
        report.to_markdown(),
        report.to_markdown(against=[student]),
        (tmp_path / "report.html").read_text(),
        (tmp_path / "report.csv").read_text(),
    ):
        assert "regenerated" in text.lower() and "procedural" in text
    axes = report.plot([student]).get_axes()
    titles = " ".join(axis.get_title() for axis in axes)
    assert titles.count("(regenerated)") == 3
    ticks = [label.get_text() for label in axes[0].get_yticklabels()]
    assert "frost (procedural)" in ticks


def test_released_files_are_not_called_regenerated(npy_folder, model):
    report = evaluate(
        model, NpyFolder(npy_folder), severities=[5], batch_size=12, verbose=0
    )
    assert "egenerated" not in report.to_markdown()
    assert "procedural" not in report.to_markdown()


def test_models_are_compared(report, student):
    text = report.to_markdown(against=[student])
    rows = table(text, "Comparison with teacher")[2:]
    found = {row[1].strip("`"): float(row[2]) for row in rows}
    assert set(found) == {
        "clean_accuracy",
        "mean_accuracy_15_severity_5",
        "mean_accuracy_19_severity_5",
    }
    for name, points in found.items():
        difference = student.summary(name) - report.summary(name)
        assert points == pytest.approx(100 * difference, abs=0.006)
    side_by_side = table(text, "Accuracy by corruption\n")
    assert side_by_side[0][1:] == [
        "teacher",
        r"student &lt;b&gt;\|",
        r"student &lt;b&gt;\|, difference",
    ]
    assert len(side_by_side) == 2 + 19


def test_published_results_are_marked(report):
    assert "AugMix" not in report.to_markdown()
    text = report.to_markdown(references=True)
    rows = table(text, "Published results")[2:]
    assert len(rows) == 1 + len(REFERENCES)
    for row in rows[1:]:
        assert row[1] == "published; other architecture and training"
    assert "robustbench" in text.lower()


class Links(html.parser.HTMLParser):
    """Collects the links and checks the tags of a page."""

    def __init__(self):
        super().__init__()
        self.links, self.open, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "link", "iframe", "object", "b")
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.links += [v for k, v in attributes if k in ("src", "href", "data")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_page_is_self_contained(report, student, tmp_path):
    path = tmp_path / "report.html"
    report.to_html(path, against=[student], references=True)
    text = path.read_text()
    page = Links()
    page.feed(text)
    assert not page.open  # Every tag is closed.
    assert "student <b>|" in page.text  # A name is not markup.
    assert len(page.links) == 3
    prefix = "data:image/svg+xml;base64,"
    for link in page.links:
        assert link.startswith(prefix)
        picture = base64.b64decode(link[len(prefix) :]).decode()
        assert "<svg" in picture and "<script" not in picture
        assert not re.search(r"(href|src)=\"(?!#|data:)", picture)
    assert "@import" not in text and "url(" not in text
    report.to_html(path, against=[student], references=True)
    assert path.read_text() == text  # The page is reproducible.


def test_plots_show_the_report(report, student):
    for against in ((), (student,)):
        figure = report.plot(against)
        assert isinstance(figure, matplotlib.figure.Figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=50)
        picture = np.array(Image.open(buffer).convert("L"))
        assert picture.std() > 20
    axes = figure.get_axes()
    heat = next(a for a in axes if a.images)
    curves = next(a for a in axes if len(a.get_lines()) == 5)
    bars = next(a for a in axes if len(a.patches) > 30)
    shown = [text.get_text() for text in heat.texts]
    expected = [
        f"{100 * report.row(name, s)['accuracy']:.0f}"
        for name in report.corruptions
        for s in (1, 5)
    ]
    assert shown == expected
    everything = curves.get_lines()[0].get_ydata()
    clean = report.row("clean", 0)["accuracy"]
    assert everything[0] == pytest.approx(100 * clean)
    at_5 = report.summary("mean_accuracy_19_severity_5")
    assert everything[-1] == pytest.approx(100 * at_5)
    assert len(bars.patches) == 2 * 20


def test_a_single_cell_is_plotted(examples, model, tmp_path):
    report = evaluate(
        model,
        Generated(*examples),
        corruptions="fog",
        severities=[2],
        verbose=0,
    )
    report.to_html(tmp_path / "report.html")
    report.plot().savefig(tmp_path / "report.png", dpi=40)
    assert "Accuracy by severity" in report.to_markdown()


NAMES = {
    "cost $\\frac{ x$": r"cost \$\\frac{ x\$",
    "$$x$$": r"\$\$x\$\$",
    "<script>alert('1')</script>": "&lt;script&gt;alert('1')&lt;/script&gt;",
    "a\n\n# b|c\r\n| d": r"a # b\|c \| d",
    "![x](http://e) `y`": r"!\[x\](http://e) \`y\`",
    "_a_ *b* **c** d_e": r"\_a_ \*b* \*\*c\** d_e",
    "&amp; -- > --": "&amp;amp; -- &gt; --",
    "\0\x1b[3m\ud800": r"��\[3m�",
    "`clean`": r"\`clean\`",
}


@pytest.fixture(scope="module")
def small():
    """A report of two cells, which is plotted quickly."""
    images, labels = colored.examples(12)
    cells = Arrays({("fog", 5): images}, labels, clean=(images, labels))
    options = dict(corruptions="fog", severities=[5], verbose=0)
    return evaluate(colored.network(), cells, **options)


def shown(name):
    """A name on one line, with � for unprintable characters."""
    return re.sub("[\0\x1b\ud800]", "\ufffd", " ".join(name.split()))


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_shown_literally(small, tmp_path, monkeypatch, name):
    monkeypatch.setattr(
        "kconsist.robustness.reporting._html._figures", lambda *_: []
    )
    named = dataclasses.replace(small, model=name)
    text = named.to_markdown(tmp_path / "report.md", against=[small])
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == text
    assert text.startswith(f"# Robustness of {NAMES[name]} and color\n\n")
    for line in text.splitlines():
        assert re.match(r"(#+ |- |\| |kconsist |$|[A-Z])", line), line
    rows = table(text, "Summary")
    assert rows[0][2:] == [NAMES[name], "color"]
    assert {len(row) for row in rows} == {4}
    named.to_html(tmp_path / "report.html", against=[small])
    page = Links()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert f"Robustness of {shown(name)} and color" in page.text
    named.to_csv(tmp_path / "report.csv")
    named.to_json(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json").model == name


def test_any_name_is_plotted_literally(small):
    """Names cause no equation, no hidden label and no invalid XML."""
    named = [dataclasses.replace(small, model=name) for name in NAMES]
    figure = _plots.new_figure(8, 5)
    left, right = figure.subplots(1, 2)
    _plots.plot_bars(named, left)
    _plots.plot_heat_map(named[0], right)
    legend = [text for text in figure.legends[0].get_texts()]
    ends = [""] * len(named) + [": accuracy, %, clean 100.0"]
    for name, text, end in zip(
        [*NAMES, named[0].model], [*legend, right.title], ends, strict=True
    ):
        # The text that Matplotlib draws, and whether it is an equation.
        found, is_math = text._preprocess_math(text.get_text())
        assert not is_math and found.strip() == shown(name) + end
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    xml.dom.minidom.parseString(buffer.getvalue())


def test_reports_on_other_images_are_mentioned(small):
    def markdown_of(**changes):
        metadata = {**small.metadata, **changes}
        other = dataclasses.replace(small, model="other", metadata=metadata)
        return small.to_markdown(against=[other])

    message = "other and color were evaluated on different images"
    assert message not in markdown_of() and message not in markdown_of(seed=1)
    for name in ("fingerprint", "clean_fingerprint", "examples"):
        assert message in markdown_of(**{name: 3})


def test_notes_are_not_markup(small):
    notes = ["<img src=x onerror=y>", "two\n## lines"]
    text = dataclasses.replace(
        small, metadata={**small.metadata, "notes": notes}
    ).to_markdown()
    assert "- &lt;img src=x onerror=y&gt;\n- two ## lines\n" in text


def test_views_and_layers_name_their_operations():
    strong = views.Compose([views.FlipCrop(), views.RandAugment()])
    found = operation_names(strong)
    assert found[:2] == ["FlipCrop", "RandAugment"] and "Contrast" in found
    rotate = operation_names(views.RandAugment(ops=["Rotate"]))
    assert rotate == ["RandAugment", "Rotate"] and not overlapping_corruptions(
        rotate
    )
    layers = keras.Sequential(
        [keras.layers.RandomBrightness(0.1), keras.layers.RandomFlip()]
    )
    assert operation_names([layers]) == ["RandomBrightness", "RandomFlip"]
    assert operation_names(views.as_view(layers.layers[0])) == [
        "RandomBrightness"
    ]
    assert operation_names("Color") == ["Color"] and operation_names(()) == []
    assert operation_names(None) is None
    assert set(overlapping_corruptions(found)) <= set(CORRUPTIONS)
    assert overlapping_corruptions(found)["saturate"] == ["Color"]
    for augmix in ("AugMix", views.AugMix()):
        overlaps = overlapping_corruptions(operation_names(augmix))
        assert overlaps == {"contrast": ["AutoContrast", "Equalize"]}


def test_overlap_is_described(student, report):
    text = student.to_markdown()
    assert "brightness (Brightness)" in text
    assert "brightness* " in text and "fog* " not in text
    assert "augmentation is unknown" in report.to_markdown()
    assert "FlipCrop: no known overlap" in describe(["FlipCrop"])
    assert "no augmentation" in describe([])
