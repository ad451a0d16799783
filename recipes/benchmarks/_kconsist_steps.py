"""The steps of `train_step.py` in kconsist, and one written by hand."""

import time

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kconsist import ConsistencyTrainer, FixMatch, MeanTeacher, ema, features

THRESHOLD, DECAY = 0.95, 0.999
# The arguments of each method, of its trainer and of its step in PyTorch.
SETTINGS = {
    "FixMatch": {"threshold": THRESHOLD, "decay": DECAY},
    "MeanTeacher": {"decay": DECAY, "consistency_weight": 50.0},
    "SimCLR": {"temperature": 0.5},
}


class SimCLR(ConsistencyTrainer):
    """SimCLR with an online classifier on the features of the first view."""

    views = ("first", "second")
    logs = ("contrastive_loss",)

    def __init__(self, student, temperature, **kwargs):
        super().__init__(student, **kwargs)
        self.temperature = temperature
        self.backbone, self.classifier = features.split(student)
        width = self.backbone.output.shape[-1]
        self.projection = keras.Sequential(
            [
                keras.Input((width,)),
                keras.layers.Dense(width, activation="relu"),
                keras.layers.Dense(width),
            ]
        )
        self.heads = (self.projection,)

    def objective(self, views, labels, sample_weight=None):
        """Returns NT-Xent and the classifier's loss, the logits, the logs."""
        size = ops.shape(labels)[0]
        images = ops.concatenate([views["first"], views["second"]])
        vectors = self.backbone(images, training=True)
        logits = features.classify(
            self.classifier, ops.stop_gradient(vectors[:size])
        )
        z = features.l2_normalize(self.projection(vectors, training=True))
        similarity = ops.matmul(z, ops.transpose(z)) / self.temperature
        similarity -= 1e9 * ops.eye(2 * size)  # No image is its own pair.
        positives = ops.roll(ops.arange(2 * size), size)
        contrastive = ops.mean(
            ops.sparse_categorical_crossentropy(
                positives, similarity, from_logits=True
            )
        )
        loss = self.compute_loss(views, labels, logits, sample_weight)
        return loss + contrastive, logits, {"contrastive_loss": contrastive}


def trainer(method, student, settings, **kwargs):
    """Returns the trainer of a method with its `SETTINGS`, or with others."""
    if method == "FixMatch":
        threshold, decay = settings["threshold"], settings["decay"]
        return FixMatch(student, threshold, ema_decay=decay, **kwargs)
    algorithm = {"MeanTeacher": MeanTeacher, "SimCLR": SimCLR}[method]
    return algorithm(student, **settings, **kwargs)


def sgd():
    return keras.optimizers.SGD(0.03, momentum=0.9, nesterov=True)


def compiled(trainer, **kwargs):
    """Returns a trainer, compiled."""
    trainer.compile(
        sgd(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **kwargs,
    )
    return trainer


def dataset(batch, steps):
    """Returns the same batch, `steps` times."""
    batches = tf.data.Dataset.from_tensors(batch).cache().repeat(steps)
    options = tf.data.Options()
    options.autotune.enabled = False  # A loop by hand would wait at its end.
    return batches.prefetch(2).with_options(options)


class StepEnds(keras.callbacks.Callback):
    """Notes when each step ends, data, metrics and logs included."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


def by_fit(trainer, batch):
    """Returns a function that times the steps of a `fit`, but for the first."""
    compiled(trainer)

    def seconds(steps):
        ends = StepEnds()
        trainer.fit(dataset(batch, steps + 1), callbacks=[ends], verbose=0)
        return np.diff(ends.times)

    return seconds


def by_hand(model, batch):
    """Returns a function that times hand-written steps of FixMatch."""
    average = ema.make_teacher(model, freeze="layer")
    optimizer = sgd()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(views, labels):
        sizes = [len(views[k]) for k in ("labeled", "weak", "strong")]
        with tf.GradientTape() as tape:
            images = [views["labeled"], views["weak"], views["strong"]]
            logits = model(tf.concat(images, 0), training=True)
            logits, weak, strong = tf.split(logits, sizes)
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
            p = tf.nn.softmax(tf.stop_gradient(weak))
            mask = tf.cast(tf.reduce_max(p, -1) >= THRESHOLD, tf.float32)
            loss = tf.reduce_mean(entropy(labels, logits)) + tf.reduce_mean(
                mask * entropy(tf.argmax(p, -1), strong)
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        for mean, value in zip(average.weights, model.weights, strict=True):
            if value.trainable:
                mean.assign(DECAY * mean + (1 - DECAY) * value)
            else:
                mean.assign(value)
        return loss

    def seconds(steps):
        times = []
        for views, labels in dataset(batch, steps + 1):
            step(views, labels)
            times.append(time.perf_counter())
        return np.diff(times)

    return seconds
