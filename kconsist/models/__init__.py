"""Models: the networks of the papers. They return logits."""

from kconsist.models.mlp import MLP
from kconsist.models.wide_resnet import WideResNet

__all__ = ["MLP", "WideResNet"]
