"""Applies torchvision's and Pillow's views in a process of its own.

A process, since torchvision can't be imported after TensorFlow, and since a
`DataLoader` has processes, too. Its copies of batches are left out here.
"""

import time

import _worker
import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import tv_tensors
from torchvision.transforms import v2

# Those of kconsist.views.AugMix, with its ranges at magnitude m of 10.
PILLOW_OPS = (
    lambda i, m: ImageOps.autocontrast(i),
    lambda i, m: ImageOps.equalize(i),
    lambda i, m: ImageOps.posterize(i, max(4 - int(0.4 * abs(m)), 1)),
    lambda i, m: i.rotate(int(3 * m)),
    lambda i, m: ImageOps.solarize(i, 256 - int(25.6 * abs(m))),
    lambda i, m: affine(i, (1, 0.03 * m, 0, 0, 1, 0)),
    lambda i, m: affine(i, (1, 0, 0, 0.03 * m, 1, 0)),
    lambda i, m: affine(i, (1, 0, int(i.width * m / 32), 0, 1, 0)),
    lambda i, m: affine(i, (1, 0, 0, 0, 1, int(i.height * m / 32))),
)
rng = np.random.default_rng(0)
forms: dict = {}  # Names, and functions with the images that they take.


def affine(image, coefficients):
    return image.transform(image.size, Image.Transform.AFFINE, coefficients)


def pillow_aug_mix(image):
    """Returns AugMix of a Pillow image, by its algorithm."""
    mixed = np.zeros((image.height, image.width, 3), "float32")
    for weight in rng.dirichlet((1.0, 1.0, 1.0)):
        chain = image
        for _ in range(rng.integers(1, 4)):
            operation = PILLOW_OPS[rng.integers(len(PILLOW_OPS))]
            magnitude = rng.uniform(0.1, 3) * rng.choice((-1, 1))
            chain = operation(chain, magnitude)
        mixed += np.float32(weight) * np.asarray(chain, "float32")
    share = np.float32(rng.beta(1.0, 1.0))
    mixed = share * np.asarray(image, "float32") + (1 - share) * mixed
    return Image.fromarray(np.round(mixed).astype("uint8"))


def simclr(side):
    """Returns SimCLR's view for CIFAR-10."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(side, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomGrayscale(0.2),
        ]
    )


def load(images):
    """Takes the images, uint8 (count, height, width, 3)."""
    tensors = [
        tv_tensors.Image(torch.from_numpy(i).permute(2, 0, 1).contiguous())
        for i in images
    ]
    pictures = [Image.fromarray(image) for image in images]
    rand_augment, aug_mix = (
        v2.RandAugment(2, 9),
        v2.AugMix(all_ops=False, interpolation=v2.InterpolationMode.NEAREST),
    )
    crop_and_jitter = simclr(images.shape[1])
    forms.update(
        {
            "RandAugment/tensor": (rand_augment, tensors),
            "RandAugment/Pillow": (rand_augment, pictures),
            "AugMix/tensor": (aug_mix, tensors),
            "AugMix/Pillow": (pillow_aug_mix, pictures),
            "SimCLR/tensor": (crop_and_jitter, tensors),
            "SimCLR/Pillow": (crop_and_jitter, pictures),
        }
    )


def speed(form, seconds):
    """Returns the images per second of a function of single images."""
    function, images = forms[form]
    start, count = time.perf_counter(), 0
    while not count or time.perf_counter() - start < seconds:
        function(images[count % len(images)])
        count += 1
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    torch.set_num_threads(1)
    _worker.serve(load, speed)
