"""Views: random transformations that are functions of images and a seed.

A view is called with a batch of uint8 images and a stateless seed, and samples
for each image independently. The same seed gives the same pixels. Normalize
after the views.

The two usual compositions are

- weak: `FlipCrop()`;
- strong: `Compose([FlipCrop(), RandAugment(), Cutout()])`, or for robustness
  `Compose([FlipCrop(), AugMix()])`.

Weak and strong views that are called with the same seed share the flip and the
crop; with different seeds they do not. For digits and text turn the flip off:
`FlipCrop(flip=False)`. For points use `Jitter`.

`as_view` turns Keras layers, KerasCV layers and functions of (images, seed)
into views. `show` plots the effect of a view.

For self-supervised learning there are `SimCLRAugment`, and `MultiCrop`, which
returns several views of each image. `MixUp` mixes images and labels.
"""

from kconsist.views.as_view import as_view
from kconsist.views.aug_mix import AugMix
from kconsist.views.compose import Compose
from kconsist.views.cutout import Cutout
from kconsist.views.flip_crop import FlipCrop
from kconsist.views.function_view import FunctionView
from kconsist.views.identity import Identity
from kconsist.views.jitter import Jitter
from kconsist.views.layer_view import LayerView
from kconsist.views.mix_up import MixUp
from kconsist.views.multi_crop import MultiCrop
from kconsist.views.rand_augment import RandAugment
from kconsist.views.show import show
from kconsist.views.simclr_augment import SimCLRAugment
from kconsist.views.view import View

__all__ = [
    "AugMix",
    "Compose",
    "Cutout",
    "FlipCrop",
    "FunctionView",
    "Identity",
    "Jitter",
    "LayerView",
    "MixUp",
    "MultiCrop",
    "RandAugment",
    "SimCLRAugment",
    "View",
    "as_view",
    "show",
]
