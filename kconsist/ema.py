"""Teachers that are exponential moving averages (EMA) of the student.

Tarvainen and Valpola 2017, "Mean teachers are better role models", section 2.
"""

import contextlib

import keras
from keras import ops

from kconsist import _checks

WARMUPS = (None, "mean", "num_updates")
BATCH_NORM_POLICIES = ("copy", "ema", "own")
FREEZES = ("layer", "variables")
# Policies whose variables are too imprecise for an average (0.999 rounds to 1
# in bfloat16), replaced by the same computations with float32 variables.
_FLOAT32_VARIABLES = {p: f"mixed_{p}" for p in ("bfloat16", "float16")}


def make_teacher(
    student: keras.Model, freeze: str = "variables"
) -> keras.Model:
    """Returns a frozen copy of a student, with the same weights.

    Args:
        student: a built model; a subclassed model needs `get_config`.
        freeze: with `"variables"`, BatchNorm still uses batch statistics under
            `training=True`; `"layer"` sets `trainable = False`, which keeps
            BatchNorm in inference mode regardless of `training`. Defaults to
            `"variables"`.

    Returns:
        A new model of the student's class. Its variables are always float32,
        so that it can hold an average: a `"bfloat16"` policy becomes
        `"mixed_bfloat16"`. The student does not change.

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
            "get_config, and a build method that creates its weights"
        ) from error
    if len(copy.weights) != len(model.weights):
        raise ValueError(
            f"student {model.name!r} can't be copied: expected "
            f"{len(model.weights)} weights in the copy, got "
            f"{len(copy.weights)}; a subclassed model must create its weights "
            "in build"
        )
    low_precision = {v.dtype for v in copy.weights} & set(_FLOAT32_VARIABLES)
    if low_precision:
        raise ValueError(
            f"student {model.name!r} can't be copied: an average needs float32 "
            f"variables, but some layers set {low_precision.pop()}; build the "
            'student with the policy "mixed_bfloat16" or "mixed_float16"'
        )
    return copy


def _finalize(layer):
    """Recomputes what layers such as `Normalization` derive from weights."""
    for sublayer in getattr(layer, "layers", ()):
        _finalize(sublayer)
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
    """Sets a policy with float32 variables for layers that a model creates."""
    policy = keras.config.dtype_policy()
    if policy.name in _FLOAT32_VARIABLES:
        keras.config.set_dtype_policy(_FLOAT32_VARIABLES[policy.name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def new_counter(layer: keras.layers.Layer, name: str = "num_updates"):
    """Returns a weight of a layer or trainer that counts EMA updates.

    As a weight, it is saved with the average. Unlike the optimizer's
    `iterations`, it is not reset by another `compile`.
    """
    return layer.add_weight(
        name=name, shape=(), dtype="int64", initializer="zeros", trainable=False
    )


def decay_at(num_updates, decay: float, warmup: str | None = None):
    """Returns the decay of the average after a number of updates.

    Args:
        num_updates: number of previous updates (n), int scalar tensor, see
            `new_counter`.
        decay: final decay (α) in [0, 1], after the warm-up.
        warmup: `None`: `decay` from the first update on, as in FixMatch and
            MixMatch. `"mean"`: min(α, 1 - 1/(n + 1)), the plain mean of all
            weights so far during the first 1/(1 - α) updates, as in MMT (Mean
            Teacher's code starts one update later, at a decay of 0.5).
            `"num_updates"`: min(α, (1 + n)/(10 + n)), as in TensorFlow's
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
    """Updates the teacher's weights: θ' ← αθ' + (1 - α)θ.

    Args:
        teacher: a copy of the student, see `make_teacher`.
        student: the trained network.
        decay: the decay (α); float or scalar tensor.
        batch_norm: how to update moving statistics and other non-trainable
            weights. `"copy"`: copied from the student. `"ema"`: averaged like
            the parameters. `"own"`: not updated; the teacher has statistics
            from its own forward passes. Defaults to `"copy"`.

    Raises:
        ValueError: with `"own"`, a BatchNorm layer of the student was frozen
            or unfrozen after the teacher was created.
    """
    _checks.one_of("batch_norm", batch_norm, BATCH_NORM_POLICIES)
    if batch_norm == "own":
        _check_frozen_batch_norm(teacher, student)
    for average, value in zip(teacher.weights, student.weights, strict=True):
        if not value.trainable and batch_norm == "own":
            continue
        if not value.trainable and batch_norm == "copy":
            average.assign(value)
        else:
            alpha = ops.cast(decay, average.dtype)
            new = ops.cast(value, average.dtype)
            average.assign(alpha * average + (1 - alpha) * new)


def _check_frozen_batch_norm(teacher, student):
    layers = getattr(teacher, "layers", ()), getattr(student, "layers", ())
    for copy, layer in zip(*layers, strict=True):
        _check_frozen_batch_norm(copy, layer)
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if is_norm and copy.trainable != layer.trainable:
            raise ValueError(
                f"layer {layer.name!r} of the student was frozen or unfrozen "
                "after its teacher was created, so their statistics would "
                "differ: create a new teacher, or a new trainer"
            )


def non_trained_weights(teacher: keras.Model, student: keras.Model) -> list:
    """Returns the teacher's copies of the student's non-trainable weights.

    These are moving statistics, and the weights that the user froze.
    """
    return [
        average
        for average, value in zip(teacher.weights, student.weights, strict=True)
        if not value.trainable
    ]


def moving_statistics(model: keras.Model) -> list:
    """Returns the moving means and variances of a model's BatchNorm layers."""
    names = "moving_mean", "moving_variance"
    return [v for v in model.non_trainable_weights if v.name in names]


@contextlib.contextmanager
def preserve(variables: list):
    """Restores the values of `variables` at the end of a `with` block.

    Around a forward pass in training mode, it leaves BatchNorm's moving
    statistics unchanged.
    """
    values = [ops.copy(variable) for variable in variables]
    yield
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
