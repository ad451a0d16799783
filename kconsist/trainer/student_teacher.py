"""A student and its teacher as the one model that Keras sees.

What is trained, what answers, what is saved: the student's part in each.
"""

import keras

from kconsist import _checks
from kconsist.trainer import _keras, _replica_checks


class StudentTeacher(_keras.Prebuilt):
    """A model whose student is trained and whose inference model answers.

    Args:
        student: built `keras.Model` from images to logits (batch, classes).
        teacher: another one, or None. It is called, never trained.
    """

    views: tuple = ()
    # Layers that train beside the student, and that no answer needs.
    heads: tuple = ()

    def __init__(self, student, teacher=None, **kwargs):
        _checks.learner(student)
        if teacher is not None:
            _checks.teacher(teacher, student)
        _replica_checks.scope(student=student, teacher=teacher)
        # The trainer's policy decides whether the loss is scaled for float16.
        kwargs.setdefault("dtype", student.dtype_policy)
        super().__init__(**kwargs)
        self.student = student
        self.teacher = teacher
        # All weights are there: checkpoints and strategies need nothing more.
        self.built = True

    @property
    def inference_model(self) -> keras.Model:
        """The network that answers `predict`, `evaluate` and `export`."""
        return self.student

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
        """Those of the student and the heads.

        A teacher is asked, whatever its own flags say.
        """
        trained = (self.student, *self.heads)
        return [v for part in trained for v in part.trainable_variables]

    @property
    def trainable_weights(self) -> list:
        """Those of the student and the heads."""
        trained = (self.student, *self.heads)
        return [v for part in trained for v in part.trainable_weights]

    @property
    def non_trainable_variables(self) -> list:
        """All others."""
        return _without(self.variables, self.trainable_variables)

    @property
    def non_trainable_weights(self) -> list:
        """All others, without the seeds of random layers."""
        return _without(self.weights, self.trainable_weights)

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
        """Returns the configuration, with the student's in it."""
        student = keras.saving.serialize_keras_object(self.student)
        return {**super().get_config(), "student": student}

    @classmethod
    def from_config(cls, config: dict):
        """Returns a trainer from what `get_config` returned."""
        return cls(**keras.saving.deserialize_keras_object(config))


def _without(variables, others):
    left_out = {id(variable) for variable in others}
    return [v for v in variables if id(v) not in left_out]
