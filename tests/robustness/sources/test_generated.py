"""Generated images are reproducible and can be written to a folder."""

import json
import os
import subprocess
import sys
import textwrap

import colored
import numpy as np
import pytest

from kconsist.robustness import (
    CORRUPTIONS,
    Generated,
    NpyFolder,
    corrupt,
    evaluate,
)

NAMES = ["gaussian_noise", "fog", "frost"]


@pytest.fixture
def source(examples):
    return Generated(*examples)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_subset_in_any_chunks_has_the_same_images(source, name):
    all_images = corrupt(source.clean, name, 4)
    np.testing.assert_array_equal(source.cell(name, 4), all_images)
    ids = np.array([0, 1, 4, 5, 7, 20, 29])
    for size in (1, 3, 100):
        chunks = list(source.chunks(name, 4, ids, size))
        assert max(map(len, chunks)) <= size
        np.testing.assert_array_equal(np.concatenate(chunks), all_images[ids])


def test_order_of_cells_does_not_matter(source):
    forward = {name: source.cell(name, 2) for name in NAMES}
    backward = {name: source.cell(name, 2) for name in reversed(NAMES)}
    for name in NAMES:
        np.testing.assert_array_equal(forward[name], backward[name])
    other = Generated(source.clean, source.labels, seed=1)
    assert np.any(other.cell("fog", 2) != forward["fog"])
    assert other.fingerprint != source.fingerprint


def test_notes_mention_that_images_are_regenerated(source):
    assert source.data == "regenerated" and source.procedural_frost
    assert "not the released files" in source.notes[0]
    assert "procedural" in source.notes[1]


def test_wrong_generated_arguments_raise(examples):
    images, labels = examples
    wrong = [
        ((images / 255, labels), {}, "uint8"),
        ((images[..., :2], labels), {}, "3 channels"),
        ((images, labels[1:]), {}, "30 images and 29 labels"),
        ((images, labels), {"preset": "cifar100"}, "preset must be one of"),
        ((images, labels), {"seed": -1}, "seed must be"),
    ]
    for arguments, options, message in wrong:
        with pytest.raises(ValueError, match=message):
            Generated(*arguments, **options)
    with pytest.raises(FileNotFoundError, match="frost"):
        Generated(images, labels, frost_dir="no/such/folder")


def test_a_written_folder_has_the_same_images(source, tmp_path, model):
    written = source.write(tmp_path / "out", NAMES)
    assert isinstance(written, NpyFolder) and written.regenerated
    labels = np.load(tmp_path / "out" / "labels.npy")
    assert labels.dtype == np.uint8 and labels.shape == (150,)
    for name in NAMES:
        images = np.load(tmp_path / "out" / f"{name}.npy")
        assert images.shape == (150, 8, 8, 3) and images.dtype == np.uint8
        np.testing.assert_array_equal(images[120:], source.cell(name, 5))
        np.testing.assert_array_equal(images[:30], source.cell(name, 1))
    assert not list((tmp_path / "out").glob(".*"))  # No temporary file remains.
    options = dict(corruptions=NAMES, examples=12, batch_size=8, verbose=0)
    generated = evaluate(model, source, **options)
    read = evaluate(model, written, **options)
    assert generated.rows == read.rows
    assert generated.metadata["fingerprint"] == read.metadata["fingerprint"]


def test_the_manifest_has_the_settings(source, tmp_path):
    source.write(tmp_path, ["fog"])
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["regenerated"] and manifest["procedural_frost"]
    assert manifest["seed"] == 0 and manifest["preset"] == "cifar"
    assert set(manifest["versions"]) == {"numpy", "scipy", "pillow"}
    assert manifest["clean"] == source.clean_fingerprint
    with pytest.raises(ValueError, match="clean images must be those"):
        NpyFolder(tmp_path, clean=(source.clean // 2, source.labels))


def test_a_changed_file_raises(source, tmp_path, model):
    written = source.write(tmp_path, ["fog", "snow"])
    assert written.fingerprint == source.fingerprint
    images = np.load(tmp_path / "fog.npy", mmap_mode="r+")
    images[77, 3, 3, 0] ^= 255
    images.flush()
    for folder in (written, NpyFolder(tmp_path)):
        with pytest.raises(ValueError, match=r"fog\.npy .*was changed after"):
            evaluate(model, folder, corruptions=["fog"], verbose=0)
    (tmp_path / "fog.npy.digest").unlink()
    assert NpyFolder(tmp_path).fingerprint != source.fingerprint
    assert source.write(tmp_path, ["fog"]).fingerprint == source.fingerprint


@pytest.mark.parametrize("content", ['{"files": 3}', "[1]", '{"made_by": 1}'])
def test_the_manifest_of_another_program_is_ignored(
    source, tmp_path, npy_folder, content
):
    plain = NpyFolder(npy_folder).fingerprint
    (npy_folder / "manifest.json").write_text(content)
    other = NpyFolder(npy_folder)
    assert other.fingerprint == plain and not other.regenerated
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match="were not written by it.*manifest"):
        source.write(tmp_path / "new", ["fog"])
    assert (tmp_path / "new" / "manifest.json").read_text() == content


def test_a_damaged_manifest_raises(source, tmp_path):
    source.write(tmp_path, ["fog"])
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(path.read_text()[:-20])
    for use in (NpyFolder, source.write):
        with pytest.raises(
            ValueError, match=r"manifest\.json must be complete"
        ):
            use(tmp_path)
    del content["notes"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"manifest\.json .*lacks.*notes"):
        NpyFolder(tmp_path)


def test_a_second_run_skips_finished_files(source, tmp_path, monkeypatch):
    source.write(tmp_path, ["fog", "snow"])
    before = (tmp_path / "fog.npy").stat().st_mtime_ns
    (tmp_path / "snow.npy").unlink()
    generated = []
    chunks = Generated.chunks

    def counted(self, corruption, *arguments, **options):
        generated.append(corruption)
        return chunks(self, corruption, *arguments, **options)

    monkeypatch.setattr(Generated, "chunks", counted)
    source.write(tmp_path, ["fog", "snow"])
    assert set(generated) == {"snow"}
    assert (tmp_path / "fog.npy").stat().st_mtime_ns == before


def test_a_folder_of_other_images_raises(source, tmp_path, npy_folder):
    source.write(tmp_path, ["fog"])
    other = Generated(source.clean, source.labels, seed=3)
    with pytest.raises(ValueError, match=r"differs in .*'seed': \(0, 3\)"):
        other.write(tmp_path, ["fog"])
    with pytest.raises(ValueError, match="must be new or have a manifest"):
        source.write(npy_folder)
    with pytest.raises(ValueError, match="corruption must be one of"):
        source.write(tmp_path, ["haze"])


@pytest.mark.slow
def test_a_killed_run_leaves_only_complete_files(tmp_path):
    """The file that was being written is missing; a second run adds it."""
    code = f"""
        import sys, time
        sys.path.insert(0, {os.path.dirname(colored.__file__)!r})
        import colored
        from kconsist.robustness import Generated

        class Slow(Generated):
            def chunks(self, name, severity, *rest, **options):
                if (name, severity) == ("snow", 3):
                    print("now", flush=True)
                    time.sleep(60)
                yield from super().chunks(name, severity, *rest, **options)

        Slow(*colored.examples(30)).write({str(tmp_path)!r}, ["fog", "snow"])
    """
    killed = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert killed.stdout.readline() == "now\n"
    killed.kill()
    killed.wait()
    # Snow comes before fog in the benchmark's order.
    assert {path.name for path in tmp_path.glob("*.npy")} == {"labels.npy"}
    source = Generated(*colored.examples(30))
    source.write(tmp_path, ["fog", "snow"])
    images = np.load(tmp_path / "snow.npy")
    np.testing.assert_array_equal(images[60:90], source.cell("snow", 3))


def test_gray_images_are_generated(examples):
    images, labels = examples
    source = Generated(images[..., :1], labels)
    assert source.cell("fog", 1).shape == (30, 8, 8, 1)
