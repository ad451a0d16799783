"""Runs a function on the two replicas of a mirrored strategy."""

import numpy as np
import tensorflow as tf


def run_on_replicas(mirrored, function, *batch):
    """Runs a function in a graph on each replica's half of a global batch.

    Args:
        mirrored: strategy of two replicas.
        function: function of the tensors of one replica.
        *batch: arrays of the global batch, divided along their first axis.

    Returns:
        What the function returns, per replica; see the strategy's
        `experimental_local_results`.
    """

    @tf.function
    def step(*parts):
        return mirrored.run(function, args=parts)

    halves = [np.split(np.asarray(array), 2) for array in batch]
    return step(
        *(
            mirrored.experimental_distribute_values_from_function(
                lambda context, half=half: tf.constant(
                    half[context.replica_id_in_sync_group]
                )
            )
            for half in halves
        )
    )
