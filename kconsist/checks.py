"""Clear errors for wrong arguments, at the first moment they can be known."""

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

_PROBABILITIES = (keras.activations.softmax, keras.activations.sigmoid)


def one_of(name: str, value, choices) -> None:
    """Raises `ValueError` unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")


def in_range(name: str, value, low: float, high: float) -> None:
    """Raises `ValueError` unless `value` is a number in [low, high]."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(f"{name} must be in [{low}, {high}], got {value!r}")


def positive(name: str, value) -> None:
    """Raises `ValueError` unless `value` is a positive number."""
    if not _is_number(value) or not value > 0:
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def weight(name: str, value) -> None:
    """Raises unless `value` is a number of 0 or more, or a schedule."""
    if isinstance(value, LearningRateSchedule):
        return
    if not _is_number(value) or not value >= 0:
        raise ValueError(
            f"{name} must be a number of 0 or more or a LearningRateSchedule, "
            f"got {value!r}"
        )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def built(model, role: str) -> None:
    """Raises `ValueError` unless `model` is a built Keras model."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"{role} must be a keras.Model, got {type(model).__name__}"
        )
    if not model.built or not model.weights:
        raise ValueError(
            f"{role} {model.name!r} must be built before it is given: start it "
            "with keras.Input(shape), or call it on a batch once"
        )


def returns_logits(model, role: str) -> None:
    """Raises `ValueError` where a model visibly ends in probabilities."""
    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Softmax) or activation in _PROBABILITIES:
        raise ValueError(
            f"{role} {model.name!r} must return logits, and its last layer "
            f"{last.name!r} returns probabilities: drop its "
            f"{getattr(activation, '__name__', 'softmax')} activation"
        )


def learner(model, role: str = "student") -> None:
    """Raises `ValueError` for a model that can't be trained."""
    built(model, role)
    returns_logits(model, role)
    if not model.trainable_variables:
        raise ValueError(
            f"{role} {model.name!r} has nothing to train: all of its "
            f"variables are frozen; set {role}.trainable = True"
        )


def teacher(model, student: keras.Model, role: str = "teacher") -> None:
    """Raises `ValueError` for a model that can't teach this student."""
    built(model, role)
    returns_logits(model, role)
    shared = {id(v) for v in model.weights} & {id(v) for v in student.weights}
    if shared:
        raise ValueError(
            f"{role} {model.name!r} shares {len(shared)} of its variables "
            f"with student {student.name!r}: training the student would move "
            f"its {role}; give a copy, for example kconsist.ema.make_teacher"
        )
    taught, learned = num_classes(model), num_classes(student)
    if None not in (taught, learned) and taught != learned:
        raise ValueError(
            f"{role} and student must have the same number of classes, got "
            f"{taught} and {learned}"
        )


def num_classes(model) -> int | None:
    """Returns the width of a model's output, or None where it isn't known."""
    try:
        return model.output_shape[-1]
    except (AttributeError, ValueError):  # A subclassed model has none.
        return None


def same_classes(logits, teacher_logits) -> None:
    """Raises `ValueError` where two networks answer with other classes."""
    if logits.shape[-1] != teacher_logits.shape[-1]:
        raise ValueError(
            "teacher and student must have the same number of classes, got "
            f"{teacher_logits.shape[-1]} and {logits.shape[-1]}"
        )


def loss_from_logits(loss) -> None:
    """Raises `ValueError` where a compiled loss expects probabilities."""
    if isinstance(loss, str):
        if "crossentropy" in loss.lower().replace("_", ""):
            raise ValueError(
                f"compile(loss={loss!r}) expects probabilities, and the "
                "student returns logits: pass for example keras.losses."
                "SparseCategoricalCrossentropy(from_logits=True)"
            )
    elif isinstance(loss, keras.losses.Loss):
        if not loss.get_config().get("from_logits", True):
            raise ValueError(
                f"compile(loss={type(loss).__name__}()) expects probabilities, "
                "and the student returns logits: pass from_logits=True"
            )


def scope(**models) -> None:
    """Raises `ValueError` for models that are not built in this scope.

    Args:
        **models: role to `keras.Model`, or to None.
    """
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        raise ValueError(
            "trainers run under MirroredStrategy, MultiWorkerMirroredStrategy "
            "and TPUStrategy, got ParameterServerStrategy"
        )
    for role, model in models.items():
        for variable in [] if model is None else model.weights:
            if not strategy.extended.variable_created_in_scope(variable.value):
                raise ValueError(
                    f"{role} {model.name!r} and its trainer must be built in "
                    "the same scope, and the one is in the scope of a strategy "
                    "that the other is not in: build both in one "
                    "`with strategy.scope():`"
                )


def replicated_fit(trainer, data) -> None:
    """Raises `ValueError` for what would fail later on several replicas."""
    strategy = trainer.distribute_strategy
    current = tf.distribute.get_strategy()
    inside = current.extended.variable_created_in_scope
    if tf.distribute.has_strategy() and not inside(
        trainer.student.weights[0].value
    ):
        raise ValueError(
            f"fit was called in the scope of {type(current).__name__}, and the "
            "trainer was built outside of it: build the student, the trainer "
            "and the optimizer in the same `with strategy.scope():`"
        )
    optimizer = trainer.optimizer
    if optimizer is None:
        return  # Keras says that compile is missing.
    step = optimizer.variables[0].value
    if not strategy.extended.variable_created_in_scope(step):
        raise ValueError(
            f"optimizer {optimizer.name!r} and its trainer must be built in "
            "the same scope: call compile, with a new optimizer, in the same "
            "`with strategy.scope():`"
        )
    if strategy.num_replicas_in_sync > 1:
        _stock_options(trainer, strategy)
        if isinstance(data, tf.data.Dataset):
            _divisible(data, strategy.num_replicas_in_sync)


def _stock_options(trainer, strategy):
    """Options of Keras that fail on several replicas for any model."""
    on_cpus = any("CPU" in name for name in strategy.extended.worker_devices)
    if trainer.jit_compile and on_cpus:
        raise ValueError(
            "compile(jit_compile=True) must be left out where several replicas "
            "are on CPUs: XLA compiles no step there that replicas share"
        )
    if not isinstance(strategy, tf.distribute.TPUStrategy):
        steps = trainer.steps_per_execution
        _left_out("compile(steps_per_execution=…)", steps, strategy)
    replicated_optimizer(trainer.optimizer, strategy)


def replicated_optimizer(optimizer, strategy) -> None:
    """Raises `ValueError` for options that fail on several replicas."""
    if strategy.num_replicas_in_sync > 1:
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        for name in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
            _left_out(name, getattr(inner, name), strategy)


def _left_out(name, value, strategy):
    if value is not None and value > 1:
        raise ValueError(
            f"{name} must be left out under {type(strategy).__name__} with "
            f"{strategy.num_replicas_in_sync} replicas, where Keras fails "
            f"for any model, got {value}"
        )


def _divisible(dataset, replicas):
    for spec in tf.nest.flatten(dataset.element_spec):
        size = spec.shape[0] if spec.shape.rank else None
        if size is not None:
            _divides(size, replicas)


def divisible_arrays(trainer, labels, batch_size: int, held_out: float) -> None:
    """Raises `ValueError` where a batch of arrays has unequal parts.

    Args:
        trainer: the trainer that is given the arrays.
        labels: array (examples, …).
        batch_size: examples of a batch of all replicas.
        held_out: share of the examples that `fit` keeps for validation.
    """
    replicas = trainer.distribute_strategy.num_replicas_in_sync
    size = int(len(labels) * (1.0 - held_out))
    for batch in (min(batch_size, size), size % batch_size):
        _divides(batch, replicas)


def _divides(size, replicas):
    """Global batches divide among replicas, or their means would differ."""
    if size % replicas:
        raise ValueError(
            f"every batch must divide among the {replicas} replicas, got a "
            f"batch of {size}: batch sizes are global, and a smaller last "
            "batch must divide as well"
        )
