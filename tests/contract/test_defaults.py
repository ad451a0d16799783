"""Every default, against the paper or the code that it comes from.

To change a default is to change what users train: change it in
`default_sources.py` too, and name its source.
"""

import ast
import inspect
import re

import keras
import pytest
from default_sources import DEFAULTS
from methods import EXAMPLES, METHODS, network

import kconsist
from kconsist import losses, schedules

KERAS_REDUCTION = "sum_over_batch_size"
ALL = pytest.mark.parametrize("owner", DEFAULTS, ids=lambda x: x.__name__)


def defaults(owner):
    """The defaults of a class or a function, by the argument's name."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(owner).parameters.items()
        if parameter.default is not parameter.empty
    }


@ALL
def test_defaults_are_those_of_the_source(owner):
    expected = dict(DEFAULTS[owner])
    if inspect.isclass(owner) and issubclass(owner, keras.losses.Loss):
        name = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", owner.__name__).lower()
        name = {"logits_kldivergence": "logits_kl_divergence"}.get(name, name)
        expected = {"reduction": KERAS_REDUCTION, "name": name, **expected}
    found = defaults(owner)
    assert found == expected
    assert all(type(found[key]) is type(expected[key]) for key in expected)


@ALL
def test_docstring_states_each_default(owner):
    for name, value in defaults(owner).items():
        if name == "name":
            continue
        said = re.search(
            rf"\n +{name}:((?!\n\n|\n +\w+: ).)*?Defaults\s+to\s+`(.+?)`",
            owner.__doc__,
            re.DOTALL,
        )
        assert said, f"{owner.__name__} does not say the default of {name}"
        assert ast.literal_eval(said[2]) == value


def test_no_method_and_no_loss_is_left_out():
    public = [getattr(kconsist, name) for name in kconsist.__all__]
    methods = {
        owner
        for owner in public
        if inspect.isclass(owner)
        and owner is not kconsist.ConsistencyTrainer
        and issubclass(owner, kconsist.ConsistencyTrainer)
    }
    named = {
        getattr(module, name)
        for module in (losses, schedules)
        for name in module.__all__
    }
    assert methods | named <= set(DEFAULTS)


def test_defaults_reach_the_trainer():
    """What a trainer is made with is what it keeps."""
    required = {
        "teacher": lambda: network(seed=7),
        "peer": lambda: network(seed=7),
        "teacher_optimizer": lambda: "sgd",
        "peer_optimizer": lambda: "sgd",
        "num_examples": lambda: EXAMPLES,
        "epsilon": lambda: 0.5,
        "teacher_logits": lambda: [[0.0, 1.0, 2.0]] * EXAMPLES,
    }
    for cls in {type(m.make(network())) for m in METHODS.values()}:
        parameters = inspect.signature(cls).parameters
        given = {k: make() for k, make in required.items() if k in parameters}
        trainer = cls(network(), **given)
        for name, value in DEFAULTS[cls].items():
            if (cls, name) == (kconsist.DebiasedSelfTraining, "reversal"):
                # TLL's dst.py: WarmStartGradientReverseLayer(hi=0.1,
                # max_iters=1000).
                expected = schedules.WarmStart(0.1, steps=1000, low=0, slope=1)
                found = trainer.reversal.get_config()
                assert found == expected.get_config()
            else:
                assert getattr(trainer, name) == value
