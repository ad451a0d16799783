"""A student and its teacher as the one model that Keras sees.

It settles for every method what is trained, what predicts and what is saved.
"""

import inspect
import typing

import keras

from kconsist import _checks, ema
from kconsist.trainer import _keras, _replica_checks


class StudentTeacher(_keras.Prebuilt):
    """A model that trains its student and predicts with its inference model.

    `get_config` takes each argument of `__init__` from the attribute of the
    same name, so a subclass stores its arguments under their own names.

    Args:
        student: built `keras.Model` from images to logits (batch, classes).
        teacher: another one, or None. It is called, never trained.
        ema_decay: decay in [0, 1] of a running average of the student, which
            becomes the teacher and the inference model. Defaults to `None`,
            no average.
        ema_warmup: warm-up of that average, see `kconsist.ema.decay_at`.
            Defaults to `None`.
        fused_batch_norm: whether a training step runs TensorFlow's fused kernel
            for the layers of the class `keras.layers.BatchNormalization`,
            where it is faster: same outputs, gradients and moving statistics,
            but for the order of sums. The networks stay Keras's. Defaults to
            `True`.

    Attributes:
        heads: layers that train beside the student and take no part in
            predictions.
        num_updates: int64 weight, how often the average was updated; only
            with `ema_decay`.
    """

    views: tuple = ()
    heads: tuple = ()
    # Arguments of `__init__` that `get_config` leaves to the method.
    arguments_as_weights: tuple = ()

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model | None = None,
        ema_decay: float | None = None,
        ema_warmup: str | None = None,
        fused_batch_norm: bool = True,
        **kwargs,
    ):
        _checks.trainable_model(student)
        if ema_decay is not None:
            _checks.no_teacher(teacher)
            _checks.in_range("ema_decay", ema_decay, 0, 1)
            _checks.one_of("ema_warmup", ema_warmup, ema.WARMUPS)
            # It predicts only in inference mode, as a frozen layer does.
            teacher = ema.make_teacher(student, freeze="layer")
        elif teacher is not None:
            _checks.teacher(teacher, student)
        _replica_checks.scope(student=student, teacher=teacher)
        # The trainer's policy decides whether the loss is scaled for float16.
        kwargs.setdefault("dtype", student.dtype_policy)
        super().__init__(**kwargs)
        self.student = student
        self.teacher: typing.Any = teacher
        self.ema_decay = ema_decay
        self.ema_warmup = ema_warmup
        self.fused_batch_norm = fused_batch_norm
        if ema_decay is not None:
            self.num_updates = ema.new_counter(self)
        # Every weight exists now: checkpoints and strategies need nothing more.
        self.built = True

    @property
    def inference_model(self) -> keras.Model:
        """The network behind `predict`, `evaluate` and `export`.

        The average where there is one, else the student; a method may say
        otherwise.
        """
        return self.student if self.ema_decay is None else self.teacher

    def update_average(self) -> None:
        """Moves the average toward the student, where there is one."""
        if self.ema_decay is not None:
            decay = ema.decay_at(
                self.num_updates, self.ema_decay, self.ema_warmup
            )
            ema.ema_update(self.teacher, self.student, decay, "copy")
            self.num_updates.assign_add(1)

    def call(self, inputs, training=None):
        """Returns the inference model's logits of images or a dict of views."""
        if isinstance(inputs, dict):
            inputs = inputs[self.views[0]]
        return self.inference_model(inputs, training=training)

    def build(self, input_shape=None) -> None:
        """Does nothing: the networks are built before the trainer is."""
        self.built = True

    @property
    def trainable_variables(self) -> list:
        """Those of the student and the heads, whatever the teacher's flags."""
        return [v for part in self._trained for v in part.trainable_variables]

    @property
    def trainable_weights(self) -> list:
        """Those of the student and the heads."""
        return [v for part in self._trained for v in part.trainable_weights]

    @property
    def non_trainable_variables(self) -> list:
        """All others."""
        return _without(self.variables, self.trainable_variables)

    @property
    def non_trainable_weights(self) -> list:
        """All others, without the seeds of random layers."""
        return _without(self.weights, self.trainable_weights)

    @property
    def losses(self) -> list:
        """Empty: `regularizers` joins the loss once, in `minimize`."""
        return []

    @property
    def regularizers(self) -> list:
        """Scalars that the student's and the heads' layers add to the loss."""
        return [loss for part in self._trained for loss in part.losses]

    @property
    def _trained(self):
        return (self.student, *self.heads)

    @property
    def output_shape(self) -> tuple:
        """Shape of the student's logits, (None, classes)."""
        return self.student.output_shape

    def load_weights(self, filepath, *args, **kwargs):
        """Loads weights, and the optimizer's state, which Keras needs built."""
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        super().load_weights(filepath, *args, **kwargs)

    def export(self, filepath, *args, **kwargs):
        """Exports the inference model as `keras.Model.export` does."""
        return self.inference_model.export(filepath, *args, **kwargs)

    def get_config(self) -> dict:
        """Returns the configuration: every argument, networks included."""
        names = _arguments(type(self).__init__)
        if self.ema_decay is not None:
            names = {"ema_decay", "ema_warmup", *names} - {"teacher"}
        if not self.fused_batch_norm:
            names = {"fused_batch_norm", *names}
        names = sorted(names - set(self.arguments_as_weights))
        return {
            **super().get_config(),
            **{name: self._serialized(name) for name in names},
        }

    def _serialized(self, name):
        if name not in vars(self):
            raise ValueError(
                f"{type(self).__name__} can't be saved: it must store its "
                f"argument {name!r} as self.{name}, or override get_config"
            )
        return keras.saving.serialize_keras_object(getattr(self, name))

    @classmethod
    def from_config(cls, config: dict):
        """Returns a trainer from what `get_config` returned."""
        return cls(**keras.saving.deserialize_keras_object(config))


def _arguments(function):
    """Returns the names of a method's arguments, but for self and **kwargs."""
    _, *parameters = inspect.signature(function).parameters.values()
    variable = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return {p.name for p in parameters if p.kind not in variable}


def _without(variables, others):
    left_out = {id(variable) for variable in others}
    return [v for v in variables if id(v) not in left_out]
