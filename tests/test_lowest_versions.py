"""CI's lowest versions are the lower bounds of setup.cfg."""

import configparser
import pathlib
import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = pathlib.Path(__file__).parents[1]
TESTED_EXTRAS = ["cpu", "robustness", "test"]


def requirements(text):
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [Requirement(line) for line in lines if line]


def lower_bounds(text):
    """Returns package → lower bound, of the requirements that have one."""
    return {
        requirement.name: Version(bound.version)
        for requirement in requirements(text)
        for bound in requirement.specifier
        if bound.operator == ">="
    }


def pins():
    text = (ROOT / ".ci" / "lowest.txt").read_text()
    return {
        requirement.name: Version(re.sub("^==", "", str(requirement.specifier)))
        for requirement in requirements(text)
    }


@pytest.fixture(scope="module")
def config():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_each_lower_bound_is_tested(config):
    extras = config["options.extras_require"]
    bounds = lower_bounds(config["options"]["install_requires"])
    for extra in TESTED_EXTRAS:
        bounds |= lower_bounds(extras[extra])
    assert pins() == bounds


def test_extras_agree_on_lower_bounds(config):
    tested = pins()
    tested["tensorflow"] = tested["tensorflow-tpu"] = tested["tensorflow-cpu"]
    for extra in config["options.extras_require"].values():
        for name, bound in lower_bounds(extra).items():
            assert tested.get(name, bound) == bound, name


def test_lowest_python_is_a_classifier(config):
    lowest = config["options"]["python_requires"].removeprefix(">=")
    classifiers = config["metadata"]["classifiers"].split("\n")
    versions = [line.split(" :: ")[-1] for line in classifiers if "3." in line]
    assert versions[0] == lowest
