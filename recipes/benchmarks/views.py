"""Compares the speed of views with Keras's, KerasCV's and tf.image's.

    python recipes/benchmarks/views.py

Machine: two CPU cores, no GPU. Result, 32x32: strong view 65,220 images/s, 8.1
times KerasCV's RandAugment; weak view 268,945 images/s, 16 times tf.image's.

All run in `tf.data`: one batch of uint8 images in memory is mapped repeatedly
with `num_parallel_calls=AUTOTUNE`. A round reads a new iterator for half a
second, in which AUTOTUNE settles, then counts for one second. The figures are
medians over rounds, measured in turns, and their ratios. The images are
CIFAR-10's where TFDS has it prepared, otherwise random.

`keras.layers.RandAugment` is called with batches, which is faster; all images
of a batch then get the same two operations. The `tf.image` flip and crop is
applied to single images, which are batched after it.
"""

import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from _images import batches, by_batch, images_per_second, parse

from kconsist import views

STRONG = "strong view"
WEAK = "weak view"
AUGMIX = "flip, crop and AugMix"
KERAS_CV = "keras_cv.layers.RandAugment"
KERAS = "keras.layers.RandAugment"
TF_IMAGE = "tf.image flip and crop"


def by_image(images):
    """Returns an infinite pipeline of tf.image's flip and crop."""
    size = images.shape[1:]

    def flip_and_crop(image):
        image = tf.image.random_flip_left_right(image)
        image = tf.pad(image, [[4, 4], [4, 4], [0, 0]], mode="REFLECT")
        return tf.image.random_crop(image, size)

    single = tf.data.Dataset.from_tensor_slices(images).repeat()
    single = single.map(flip_and_crop, num_parallel_calls=tf.data.AUTOTUNE)
    return single.batch(len(images))


def forms():
    """Returns names and functions of the pipelines to compare."""
    found = {
        STRONG: by_batch(
            views.Compose(
                [views.FlipCrop(), views.RandAugment(2), views.Cutout()]
            )
        ),
        WEAK: by_batch(views.FlipCrop()),
        AUGMIX: by_batch(views.Compose([views.FlipCrop(), views.AugMix()])),
        KERAS: by_batch(
            views.as_view(keras.layers.RandAugment((0, 255), num_ops=2))
        ),
        TF_IMAGE: by_image,
    }
    try:
        import keras_cv
    except ImportError:
        return found
    layer = keras_cv.layers.RandAugment((0, 255), augmentations_per_image=2)
    return {**found, KERAS_CV: by_batch(lambda images, seed: layer(images))}


def measure(pipelines, images, seconds, rounds):
    """Returns each pipeline's images/s, a list over rounds."""
    datasets = {k: pipeline(images) for k, pipeline in pipelines.items()}
    speeds = {name: [] for name in datasets}
    for _ in range(rounds):
        for name, dataset in datasets.items():
            speeds[name].append(
                images_per_second(dataset, len(images), seconds)
            )
    return speeds


def main():
    args = parse(__doc__, rounds=3)
    for images in batches(args):
        speeds = measure(forms(), images, args.seconds, args.rounds)
        medians = {k: statistics.median(v) for k, v in speeds.items()}
        for form, median in medians.items():
            low, high = min(speeds[form]), max(speeds[form])
            print(
                f"  {form:27} {median:9,.0f} images/s ({low:,.0f}-{high:,.0f})"
            )
        for ours, other in (
            (STRONG, KERAS_CV),
            (STRONG, KERAS),
            (WEAK, TF_IMAGE),
        ):
            if other in medians:
                ratio = medians[ours] / medians[other]
                print(f"  {ours} / {other}: {ratio:.2f}")


if __name__ == "__main__":
    main()
