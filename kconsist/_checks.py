"""Argument checks that raise clear errors as early as possible."""

import numbers

import keras
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
    """Raises `ValueError` unless `value` is non-negative or a schedule."""
    if isinstance(value, LearningRateSchedule):
        return
    if not _is_number(value) or not value >= 0:
        raise ValueError(
            f"{name} must be a number of 0 or more or a LearningRateSchedule, "
            f"got {value!r}"
        )


def positive_integer(name: str, value) -> None:
    """Raises `ValueError` unless `value` is a positive integer."""
    if not isinstance(value, numbers.Integral) or value <= 0:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def as_integer(name: str, value, minimum: int = 1) -> int:
    """Returns `value` as an int; raises unless it is at least `minimum`."""
    is_integer = isinstance(value, numbers.Integral)
    if not is_integer or isinstance(value, bool) or value < minimum:
        raise ValueError(
            f"{name} must be an integer of at least {minimum}, got {value!r}"
        )
    return int(value)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def built(model, role: str) -> None:
    """Raises `ValueError` unless `model` is a built Keras model."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"{role} must be a keras.Model, got {type(model).__name__}"
        )
    if not model.built or not model.weights:
        raise ValueError(
            f"{role} {model.name!r} must be built: start it with "
            "keras.Input(shape), or call it on a batch first"
        )


def returns_logits(model, role: str) -> None:
    """Raises `ValueError` if a model ends in a softmax or sigmoid."""
    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Softmax) or activation in _PROBABILITIES:
        raise ValueError(
            f"{role} {model.name!r} must return logits, but its last layer "
            f"{last.name!r} returns probabilities: remove its "
            f"{getattr(activation, '__name__', 'softmax')} activation"
        )


def trainable_model(model, role: str = "student") -> None:
    """Raises `ValueError` unless a model returns logits and is trainable."""
    built(model, role)
    returns_logits(model, role)
    if not model.trainable_variables:
        raise ValueError(
            f"{role} {model.name!r} has nothing to train: all its variables "
            f"are frozen; set {role}.trainable = True"
        )


def teacher(model, student: keras.Model, role: str = "teacher") -> None:
    """Raises `ValueError` unless a model can be the teacher of a student."""
    built(model, role)
    returns_logits(model, role)
    shared = {id(v) for v in model.weights} & {id(v) for v in student.weights}
    if shared:
        raise ValueError(
            f"{role} {model.name!r} shares {len(shared)} of its variables "
            f"with student {student.name!r}, so training the student would "
            f"change its {role}: pass a copy, see kconsist.ema.make_teacher"
        )
    classes = num_classes(model), num_classes(student)
    if None not in classes and classes[0] != classes[1]:
        raise ValueError(
            f"{role} and student must have the same number of classes, got "
            f"{classes[0]} and {classes[1]}"
        )


def no_teacher(teacher) -> None:
    """Raises `ValueError` for a teacher combined with `ema_decay`."""
    if teacher is not None:
        raise ValueError(
            "ema_decay makes an average of the student the teacher, but this "
            f"trainer already has a teacher, {teacher.name!r}: omit one of them"
        )


def num_classes(model) -> int | None:
    """Returns the width of a model's output, or None if it is unknown."""
    try:
        return model.output_shape[-1]
    except (AttributeError, ValueError):  # Subclassed models have none.
        return None


def known_num_classes(model) -> int:
    """Returns the width of a model's output; raises if it is unknown."""
    known = num_classes(model)
    if known is None:
        raise ValueError(
            f"the number of classes of {model.name!r} must be known: give a "
            "functional or sequential student, or define its output_shape"
        )
    return known


def same_classes(logits, teacher_logits) -> None:
    """Raises `ValueError` if two logits differ in their number of classes."""
    if logits.shape[-1] != teacher_logits.shape[-1]:
        raise ValueError(
            "teacher and student must have the same number of classes, got "
            f"{teacher_logits.shape[-1]} and {logits.shape[-1]}"
        )


def loss_from_logits(loss) -> None:
    """Raises `ValueError` if a compiled loss expects probabilities."""
    if isinstance(loss, str):
        if "crossentropy" in loss.lower().replace("_", ""):
            raise ValueError(
                f"compile(loss={loss!r}) expects probabilities, but the "
                "student returns logits: pass, for example, keras.losses."
                "SparseCategoricalCrossentropy(from_logits=True)"
            )
    elif isinstance(loss, keras.losses.Loss):
        if not loss.get_config().get("from_logits", True):
            raise ValueError(
                f"compile(loss={type(loss).__name__}()) expects probabilities, "
                "but the student returns logits: pass from_logits=True"
            )
