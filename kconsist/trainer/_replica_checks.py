"""Clear errors for what would fail or diverge on several replicas."""

import tensorflow as tf


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
                    "the same strategy scope: build both in one "
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
            f"fit was called in the scope of {type(current).__name__}, but the "
            "trainer was built outside of it: build the student, the trainer "
            "and the optimizer in the same `with strategy.scope():`"
        )
    optimizer = trainer.optimizer
    if optimizer is None:
        return  # Keras reports that compile is missing.
    step = optimizer.variables[0].value
    if not strategy.extended.variable_created_in_scope(step):
        raise ValueError(
            f"optimizer {optimizer.name!r} and its trainer must be built in "
            "the same strategy scope: call compile, with a new optimizer, in "
            "the same `with strategy.scope():`"
        )
    if strategy.num_replicas_in_sync > 1:
        _stock_options(trainer, strategy)
        if isinstance(data, tf.data.Dataset):
            _divisible(data, strategy.num_replicas_in_sync)
        elif isinstance(data, tf.distribute.DistributedDataset):
            _known_shares(data)


def _stock_options(trainer, strategy):
    """Options of Keras that fail on several replicas for any model."""
    on_cpus = any("CPU" in name for name in strategy.extended.worker_devices)
    if trainer.jit_compile and on_cpus:
        raise ValueError(
            "compile(jit_compile=True) must be left out with several replicas "
            "on CPUs: XLA can't compile their collectives there"
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


def _known_shares(dataset):
    """Raises unless batch sizes are known: parts are not checked on reading."""
    for spec in tf.nest.flatten(dataset.element_spec, expand_composites=True):
        if spec.shape.rank and spec.shape[0] is None:
            raise ValueError(
                "a data set that is distributed already may end with a smaller "
                "batch, which would not divide among replicas: its batch sizes "
                "must be known, for example by batch(…, drop_remainder=True), "
                f"got {spec.shape}; or pass the tf.data.Dataset itself"
            )


def divisible_arrays(trainer, labels, batch_size: int, held_out: float) -> None:
    """Raises `ValueError` for batches of arrays that replicas can't divide.

    Args:
        trainer: the trainer that `fit` is called on.
        labels: array (examples, …).
        batch_size: size of a global batch.
        held_out: fraction of the examples that `fit` keeps for validation.
    """
    replicas = trainer.distribute_strategy.num_replicas_in_sync
    size = int(len(labels) * (1.0 - held_out))
    for batch in (min(batch_size, size), size % batch_size):
        _divides(batch, replicas)


def _divides(size, replicas):
    """Raises unless a global batch divides evenly among the replicas."""
    if size % replicas:
        raise ValueError(
            f"every batch must divide among the {replicas} replicas, got a "
            f"batch of {size}: batch sizes are global, and a smaller last "
            "batch must divide as well"
        )
