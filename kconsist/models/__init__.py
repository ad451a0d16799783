"""Networks that the papers used. They return logits."""

from kconsist.models.mlp import MLP
from kconsist.models.wide_resnet import WideResNet

__all__ = ["MLP", "WideResNet"]
