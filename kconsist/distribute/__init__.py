"""Replicas: which strategy a run has, and means over its replicas."""

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
    check_order,
    has_several_workers,
    is_chief,
    shard_by_batch,
    strategy,
)

__all__ = [
    "STRATEGIES",
    "average_replicas",
    "check_order",
    "gather_replicas",
    "has_several_workers",
    "shard_by_batch",
    "is_chief",
    "scaled_mean",
    "num_replicas",
    "local_shard",
    "stateless_normal",
    "stateless_uniform",
    "strategy",
    "sum_over_replicas",
    "unscale_loss_for_distribution",
]
