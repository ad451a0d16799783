"""The title and the notes of a report, shared by Markdown and HTML."""

from kconsist.robustness.reporting import _overlap


def title(report, against=()) -> str:
    """Returns the title of a report."""
    names = " and ".join(each.model for each in (report, *against))
    return f"Robustness of {names}"


def notes(report, against=()) -> list[str]:
    """Returns the notes about the results, without duplicates."""
    lines = []
    for each in (report, *against):
        lines += [describe_data(each), *each.metadata["notes"]]
        overlap = _overlap.describe(each.metadata["augmentations"])
        lines.append(f"{each.model}: {overlap}" if against else overlap)
        if _image_ids(each) != _image_ids(report):
            lines.append(
                f"{each.model} and {report.model} were evaluated on different "
                "images: their difference is not due to the models only."
            )
    return list(dict.fromkeys(lines))


def describe_data(report) -> str:
    """Returns a sentence about the images of a report."""
    metadata = report.metadata
    examples = metadata["examples"]
    images = f"{metadata['total']:,} images per cell"
    if examples is not None:
        images = (
            f"{examples:,} of {metadata['total']:,} images per cell, the same "
            f"in all cells, selected with seed {metadata['seed']}"
        )
    data = "REGENERATED" if metadata["regenerated"] else metadata["data"]
    return f"Data: {data}, {images}."


def _image_ids(report):
    """Returns what identifies the images of a report."""
    metadata = report.metadata
    seed = metadata["seed"] if metadata["examples"] else None
    names = ("fingerprint", "clean_fingerprint", "examples")
    return [*(metadata[name] for name in names), seed]
