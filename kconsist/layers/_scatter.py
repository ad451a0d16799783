"""Writing rows by index, where the last of several writers wins.

The order of writers of one scatter is not defined on accelerators; here it is,
and shapes are static.
"""

from keras import ops


def last_write_index(index, mask, size: int):
    """Returns, for each of `size` rows, the last example that writes it.

    Args:
        index: integer tensor (batch,), the row that each example writes, in
            [0, size).
        mask: boolean or float tensor (batch,), which examples write at all.
        size: number of rows.

    Returns:
        int32 tensor (size,) of positions in the batch, 0 where nobody writes,
        and boolean tensor (size,), where somebody does.

    Example:
        ```python
        import numpy as np
        from kconsist.layers._scatter import last_write_index

        index, mask = [2, 0, 2], [True, True, True]
        writer, written = last_write_index(index, mask, size=4)
        np.testing.assert_array_equal(writer, [1, 0, 2, 0])
        np.testing.assert_array_equal(written, [True, False, True, False])
        ```
    """
    index = ops.cast(index, "int32")
    positions = ops.arange(ops.shape(index)[0], dtype="int32")
    positions = ops.where(ops.cast(mask, "bool"), positions, -1)
    last = ops.segment_max(positions, index, num_segments=size)
    return ops.maximum(last, 0), last >= 0
