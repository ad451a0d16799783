"""Views: random changes of images that are a function of images and a seed.

A view is called with a batch of uint8 images and a stateless seed, and draws
for each image on its own. Same seed, same pixels. Normalization comes after.

The two usual compositions are

- weak: `FlipCrop()`;
- strong: `Compose([FlipCrop(), RandAugment(), Cutout()])`, or for robustness
  `Compose([FlipCrop(), AugMix()])`.

A weak and a strong view that are called with the same seed share the flip and
the crop; with different seeds they do not. For digits and text turn the flip
off: `FlipCrop(flip=False)`. For points there is `Jitter`.

Keras layers, KerasCV layers and functions of (images, seed) become views by
`as_view`. `show` draws what a view does.

For self-supervised learning there are `SimCLRAugment` and `MultiCrop`, which
gives several views of each image at once. `MixUp` blends images and labels.
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
