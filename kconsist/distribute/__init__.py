"""`tf.distribute` strategies, and operations across their replicas."""

from kconsist.distribute.replicas import (
    average_replicas,
    gather_replicas,
    local_shard,
    num_replicas,
    scaled_mean,
    stateless_normal,
    stateless_uniform,
    sum_over_replicas,
    unscale_loss_for_distribution,
)
from kconsist.distribute.strategies import (
    STRATEGIES,
    check_shuffle,
    is_chief,
    is_multi_worker,
    shard_by_batch,
    strategy,
)

__all__ = [
    "STRATEGIES",
    "average_replicas",
    "check_shuffle",
    "gather_replicas",
    "is_chief",
    "is_multi_worker",
    "local_shard",
    "num_replicas",
    "scaled_mean",
    "shard_by_batch",
    "stateless_normal",
    "stateless_uniform",
    "strategy",
    "sum_over_replicas",
    "unscale_loss_for_distribution",
]
