"""When RandAugment fills the pixels that it reads from outside the image.

Geometric operations leave these pixels black. The published code makes them
transparent and fills them after the last operation. Table operations drop
transparency, so before these they stay black. Here they are filled at once,
unless an enhancement follows: that is computed on black.
"""

import tensorflow as tf

from kconsist.views import _ops
from kconsist.views._magnitudes import (
    ENHANCE_OPS,
    GEOMETRIC_OPS,
    TABLE_OPS,
    apply_geometric,
)


def outside_pixels(names, choices):
    """Returns which operations leave pixels to fill, and which of them late.

    Args:
        names: list of names of operations.
        choices: int tensor (batch, num_ops), indices into `names`, -1 for none.

    Returns:
        filled: bool tensor (batch, num_ops), whether this is a geometric
            operation with no table operation after it.
        late: bool tensor of the same shape, whether in addition an enhancement
            follows.
    """

    def chosen(group):
        members = tf.constant([False, *(name in group for name in names)])
        return tf.gather(members, choices + 1)

    def follows(mask):
        counts = tf.cast(mask, tf.int32)
        return tf.cumsum(counts, axis=1, exclusive=True, reverse=True) > 0

    filled = chosen(GEOMETRIC_OPS) & ~follows(chosen(TABLE_OPS))
    return filled, filled & follows(chosen(ENHANCE_OPS))


def fill_late(images, geometric_indices, magnitudes, signs, late, fill):
    """Returns images with filled pixels where an enhancement came after them.

    Args:
        images: uint8 tensor (batch, height, width, channels).
        geometric_indices: int tensor (batch, num_ops), the operations that
            leave pixels to fill, indices into `GEOMETRIC_OPS`; -1 for none.
        magnitudes: float64 tensor (batch, num_ops).
        signs: float64 tensor (batch, num_ops), 1 or -1.
        late: bool tensor (batch, num_ops), from `outside_pixels`.
        fill: int in [0, 255].

    Returns:
        A uint8 tensor of the shape of `images`.
    """
    # These images are few, so all work is on them alone.
    numbers = tf.where(tf.reduce_any(late, axis=1))
    few, *operations = (
        tf.gather_nd(tensor, numbers)
        for tensor in (images, geometric_indices, magnitudes, signs)
    )
    alpha = tf.fill(tf.shape(few[..., :1]), tf.constant(255, tf.uint8))
    for number in range(late.shape[1]):
        index, magnitude, sign = (t[:, number] for t in operations)
        alpha = apply_geometric(alpha, index, magnitude, sign, fill=0)
    outside = tf.tile(tf.bitwise.invert(alpha), (1, 1, 1, images.shape[-1]))
    few = _ops.fill_where(few, outside, fill)
    return tf.tensor_scatter_nd_update(images, numbers, few)
