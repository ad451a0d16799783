import numpy as np
import tensorflow as tf

from kconsist.distribute import gather_replicas


def test_without_a_strategy_nothing_moves():
    values = tf.constant([[1.0, 2.0]])
    assert gather_replicas(values) is values


def test_every_replica_has_all_rows_and_gradients_find_their_way(mirrored):
    rows = np.arange(8, dtype="float32").reshape(4, 2)

    @tf.function
    def step(part):
        def replica(part):
            with tf.GradientTape() as tape:
                tape.watch(part)
                everything = gather_replicas(part)
                assert everything.shape[1:] == (2,)
                # A sparse gradient, as a take has.
                value = tf.reduce_sum(tf.gather(everything, [0, 3, 3]) ** 2)
            return everything, tape.gradient(value, part)

        return mirrored.run(replica, args=(part,))

    everything, gradient = step(
        mirrored.experimental_distribute_values_from_function(
            lambda c: tf.constant(np.split(rows, 2)[c.replica_id_in_sync_group])
        )
    )
    for copy in mirrored.experimental_local_results(everything):
        np.testing.assert_array_equal(copy, rows)
    # Each of the two replicas has the value; the gradient is of their sum.
    expected = 2 * 2 * rows * np.array([[1], [0], [0], [2]])
    found = np.concatenate(mirrored.experimental_local_results(gradient))
    np.testing.assert_allclose(found, expected)
