"""Deterministic scatter: among duplicate indices, the last write wins.

Accelerators apply the duplicates of one scatter in an undefined order. Here the
order is that of the batch, and all shapes are static.
"""

from keras import ops


def last_write_index(index, mask, size: int):
    """Returns the batch position of the last example that writes each row.

    Args:
        index: integer tensor (batch,) in [0, size), the row that each example
            writes.
        mask: boolean or float tensor (batch,); examples where it is 0 write
            nothing.
        size: number of rows.

    Returns:
        int32 tensor (size,) of positions in the batch, 0 for rows that no
        example writes; boolean tensor (size,), true for rows that are written.

    Example:
        ```python
        import numpy as np
        from kconsist.layers._scatter import last_write_index

        index, mask = [2, 0, 2], [True, True, True]
        position, written = last_write_index(index, mask, size=4)
        np.testing.assert_array_equal(position, [1, 0, 2, 0])
        np.testing.assert_array_equal(written, [True, False, True, False])
        ```
    """
    index = ops.cast(index, "int32")
    positions = ops.arange(ops.shape(index)[0], dtype="int32")
    positions = ops.where(ops.cast(mask, "bool"), positions, -1)
    last = ops.segment_max(positions, index, num_segments=size)
    return ops.maximum(last, 0), last >= 0
