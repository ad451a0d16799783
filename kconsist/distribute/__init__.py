"""Replicas: which strategy a run has, and means over its replicas."""

from kconsist.distribute.replicas import (
    average_replicas,
    gather_replicas,
    mean_over_replicas,
    num_replicas,
    own_part,
    stateless_normal,
    stateless_uniform,
    sum_over_replicas,
    unscaled,
)
from kconsist.distribute.strategies import (
    STRATEGIES,
    check_order,
    has_several_workers,
    in_shares,
    is_chief,
    strategy,
)

__all__ = [
    "STRATEGIES",
    "average_replicas",
    "check_order",
    "gather_replicas",
    "has_several_workers",
    "in_shares",
    "is_chief",
    "mean_over_replicas",
    "num_replicas",
    "own_part",
    "stateless_normal",
    "stateless_uniform",
    "strategy",
    "sum_over_replicas",
    "unscaled",
]
