"""The twin network: a copy of the student that follows it by averaging.

Tarvainen and Valpola 2017, "Mean teachers are better role models", section 2.
"""

import contextlib

import keras
from keras import ops

from kconsist import _checks

WARMUPS = (None, "mean", "num_updates")
BATCH_NORM_POLICIES = ("copy", "ema", "own")
FREEZES = ("layer", "variables")
# Policies whose variables are too coarse for an average: 0.999 is 1 in
# bfloat16. The same computations with float32 variables take their place.
_FLOAT32_VARIABLES = {p: f"mixed_{p}" for p in ("bfloat16", "float16")}


def make_teacher(
    student: keras.Model, freeze: str = "variables"
) -> keras.Model:
    """Returns a frozen copy of a student, with the same weights.

    Args:
        student: a built model; a subclassed one needs `get_config`.
        freeze: `"variables"` keeps BatchNorm able to use batch statistics
            under `training=True`; `"layer"` sets `trainable = False`, which
            puts BatchNorm in inference mode whatever `training` says. Defaults
            to `"variables"`.

    Returns:
        A new model of the student's class. Its variables are float32 whatever
        the student's are, so that it can hold an average: a `"bfloat16"` policy
        becomes `"mixed_bfloat16"`. The student is not changed.

    Raises:
        ValueError: the student is not built, or can't be copied.

    Example:
        ```python
        from kconsist import ema, models

        student = models.MLP(num_classes=2)
        teacher = ema.make_teacher(student)
        assert teacher.trainable_variables == []
        ```
    """
    _checks.one_of("freeze", freeze, FREEZES)
    _checks.built(student, "student")
    teacher = _clone(student)
    teacher.set_weights(student.get_weights())
    _finalize(teacher)
    if freeze == "layer":
        teacher.trainable = False
    else:
        for variable in teacher.variables:
            variable.trainable = False
    return teacher


def _clone(model):
    try:
        config = _with_float32_variables(model.get_config())
        with _float32_variables():
            copy = type(model).from_config(config)
            if not copy.built:
                copy.build_from_config(model.get_build_config())
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            f"student {model.name!r} can't be copied: a subclassed model needs "
            "get_config and a build that makes its weights"
        ) from error
    if len(copy.weights) != len(model.weights):
        raise ValueError(
            f"student {model.name!r} can't be copied: expected "
            f"{len(model.weights)} weights in the copy, got "
            f"{len(copy.weights)}; a subclassed model has to make its weights "
            "in build"
        )
    coarse = {v.dtype for v in copy.weights} & set(_FLOAT32_VARIABLES)
    if coarse:
        raise ValueError(
            f"student {model.name!r} can't be copied: an average needs float32 "
            f"variables, and layers of its own choose {coarse.pop()}; build it "
            'with the policy "mixed_bfloat16" or "mixed_float16"'
        )
    return copy


def _finalize(layer):
    """Recomputes what a layer such as `Normalization` derives from weights."""
    for part in getattr(layer, "layers", ()):
        _finalize(part)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _with_float32_variables(config):
    """Returns a configuration whose dtype policies have float32 variables."""
    if isinstance(config, list | tuple):
        return [_with_float32_variables(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {k: _with_float32_variables(v) for k, v in config.items()}
    if config.get("class_name") == "DTypePolicy":
        name = config["config"]["name"]
        config["config"]["name"] = _FLOAT32_VARIABLES.get(name, name)
    return config


@contextlib.contextmanager
def _float32_variables():
    """The same for the layers that a subclassed model makes itself."""
    policy = keras.config.dtype_policy()
    if policy.name in _FLOAT32_VARIABLES:
        keras.config.set_dtype_policy(_FLOAT32_VARIABLES[policy.name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def new_counter(layer: keras.layers.Layer, name: str = "num_updates"):
    """Returns a weight that counts how often an average was moved.

    As a weight of the trainer it is saved with the average, and a new `compile`
    does not reset it as it does the optimizer's `iterations`.
    """
    return layer.add_weight(
        name=name, shape=(), dtype="int64", initializer="zeros", trainable=False
    )


def decay_at(num_updates, decay: float, warmup: str | None = None):
    """Returns the decay of the average at one update.

    Args:
        num_updates: how often the average was moved before, from 0 on; int
            scalar tensor, see `new_counter`.
        decay: the decay (α) in [0, 1] that the warm-up ends at.
        warmup: `None`: `decay` from the first step on, as FixMatch and
            MixMatch. `"mean"`: min(α, 1 - 1/(step + 1)), the plain mean of all
            weights so far until 1/(1 - α) steps are done, as MMT (Mean
            Teacher's code starts one step further on, at α = 0.5).
            `"num_updates"`: min(α, (1 + step)/(10 + step)), as TensorFlow's
            `ExponentialMovingAverage`, Noisy Student and UDA. Defaults to
            `None`.

    Returns:
        float32 scalar tensor.
    """
    _checks.one_of("warmup", warmup, WARMUPS)
    n = ops.cast(num_updates, "float32")
    if warmup == "mean":
        return ops.minimum(decay, 1.0 - 1.0 / (n + 1.0))
    if warmup == "num_updates":
        return ops.minimum(decay, (1.0 + n) / (10.0 + n))
    return ops.convert_to_tensor(decay, "float32")


def ema_update(
    teacher: keras.Model, student: keras.Model, decay, batch_norm: str = "copy"
) -> None:
    """Moves the teacher's weights toward the student's: θ' ← αθ' + (1 - α)θ.

    Args:
        teacher: a copy of the student, see `make_teacher`.
        student: the network that is trained.
        decay: the decay (α); float or scalar tensor.
        batch_norm: what becomes of moving statistics and other weights that
            no gradient trains. `"copy"`: the student's, as they are. `"ema"`:
            averaged like the parameters. `"own"`: left alone, the teacher
            keeps its own from its own forward passes. Defaults to `"copy"`.

    Raises:
        ValueError: `"own"`, and a BatchNorm was frozen since in one alone.
    """
    _checks.one_of("batch_norm", batch_norm, BATCH_NORM_POLICIES)
    if batch_norm == "own":
        _check_modes(teacher, student)
    for average, value in zip(teacher.weights, student.weights, strict=True):
        if not value.trainable and batch_norm == "own":
            continue
        if not value.trainable and batch_norm == "copy":
            average.assign(value)
        else:
            alpha = ops.cast(decay, average.dtype)
            news = ops.cast(value, average.dtype)
            average.assign(alpha * average + (1 - alpha) * news)


def _check_modes(teacher, student):
    layers = getattr(teacher, "layers", ()), getattr(student, "layers", ())
    for copy, layer in zip(*layers, strict=True):
        _check_modes(copy, layer)
        norm = isinstance(layer, keras.layers.BatchNormalization)
        if norm and copy.trainable != layer.trainable:
            raise ValueError(
                f"layer {layer.name!r} of the student was frozen or unfrozen "
                "after its teacher was made, which would keep other statistics:"
                " make the teacher, or its trainer, anew"
            )


def non_trained_weights(teacher: keras.Model, student: keras.Model) -> list:
    """Returns the teacher's moving statistics and what the user froze."""
    return [
        average
        for average, value in zip(teacher.weights, student.weights, strict=True)
        if not value.trainable
    ]


def moving_statistics(model: keras.Model) -> list:
    """Returns BatchNorm's moving means and variances in a model."""
    names = "moving_mean", "moving_variance"
    return [v for v in model.non_trainable_weights if v.name in names]


@contextlib.contextmanager
def preserve(variables: list):
    """Puts back what a block moved in `variables`.

    Around a forward pass in training mode, it keeps BatchNorm's moving
    statistics where they were.
    """
    before = [ops.copy(variable) for variable in variables]
    yield
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
