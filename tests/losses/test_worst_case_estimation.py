import math

import numpy as np
import pytest

from kconsist.losses import WorstCaseEstimationLoss

LABELED, UNLABELED = np.eye(3, 5), np.eye(4, 5)


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.0])
def test_value_of_a_uniform_head(weight):
    found = WorstCaseEstimationLoss(weight)(
        LABELED, np.zeros((3, 5)), UNLABELED, np.zeros((4, 5))
    )
    expected = weight * math.log(5) - math.log(1 - 1 / 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_is_0_for_a_head_that_agrees_only_on_labeled_images():
    loss = WorstCaseEstimationLoss(2.0)
    worst = loss(LABELED, 50 * LABELED, UNLABELED, -50 * UNLABELED)
    np.testing.assert_allclose(worst, 0.0, atol=1e-5)
    # The shift bounds the loss of full agreement on unlabeled images.
    same = loss(LABELED, 50 * LABELED, UNLABELED, 50 * UNLABELED)
    np.testing.assert_allclose(same, -math.log(1e-6), rtol=0.01)


def test_rejects_a_negative_weight():
    with pytest.raises(ValueError, match="eta_prime must be in"):
        WorstCaseEstimationLoss(-1.0)


def test_is_never_negative():
    """Without a limit, the shift would make log(1 - 0) positive."""
    each = WorstCaseEstimationLoss(0.0, reduction=None)
    found = each(LABELED, LABELED, UNLABELED[:3], -50 * UNLABELED[:3])
    np.testing.assert_array_equal(found, np.zeros(3))
