import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import logits, permutations, probabilities, softmax, two_logits
from hypothesis import given
from hypothesis import strategies as st
from loss_cases import CASES

from kconsist import losses

EVERY = pytest.mark.parametrize("name", CASES)
SEEDS = st.integers(0, 2**32 - 1)
# The value of an example is its own, whatever else is in the batch.
EACH = [
    "confidence",
    "consistency",
    "l2_consistency",
    "strong_weak_of_the_paper",
    "soft_cross_entropy",
    "smoothed_cross_entropy",
    "entropy",
]
# Of logits only: a number that is added to a row changes nothing.
SHIFTED = [
    "confidence",
    "strong_weak",
    "strong_weak_of_the_paper",
    "class_confusion",
    "soft_cross_entropy",
    "smoothed_cross_entropy",
    "entropy",
]


def unreduced(loss):
    config = {**loss.get_config(), "reduction": None}
    return type(loss).from_config(config)


@EVERY
@given(seed=SEEDS, data=st.data())
def test_does_not_depend_on_the_order_of_examples(name, seed, data):
    case = CASES[name]
    inputs = case.inputs(np.random.default_rng(seed))
    if name == "worst_case":  # Labeled and unlabeled images apart.
        orders = [data.draw(permutations(len(x))) for x in inputs[::2]]
        orders = [orders[0], orders[0], orders[1], orders[1]]
    else:
        orders = [data.draw(permutations(len(inputs[0])))] * len(inputs)
    permuted = [x[order] for x, order in zip(inputs, orders, strict=True)]
    each = unreduced(case.loss)
    np.testing.assert_allclose(
        each(*permuted),
        np.array(each(*inputs))[orders[-1]],
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("name", EACH)
@given(seed=SEEDS, size=st.integers(1, 4))
def test_a_part_of_the_batch_has_its_part_of_the_values(name, seed, size):
    case = CASES[name]
    inputs = case.inputs(np.random.default_rng(seed))
    each = unreduced(case.loss)
    np.testing.assert_allclose(
        each(*(x[:size] for x in inputs)),
        each(*inputs)[:size],
        rtol=1e-5,
        atol=1e-7,
    )


@pytest.mark.parametrize("name", SHIFTED)
@given(seed=SEEDS, shift=st.integers(-32, 32))
def test_does_not_see_a_shift_of_logits(name, seed, shift):
    case = CASES[name]
    inputs = case.inputs(np.random.default_rng(seed))
    shifted = [
        x + np.float32(shift) if x.dtype.kind == "f" else x for x in inputs
    ]
    np.testing.assert_allclose(
        case.loss(*shifted), case.loss(*inputs), rtol=1e-3, atol=1e-5
    )


@EVERY
@given(
    seed=SEEDS,
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_value_and_gradient_are_finite_and_the_value_not_negative(
    name, seed, scale, dtype
):
    case = CASES[name]
    inputs = case.inputs(np.random.default_rng(seed))
    if not all(x.min() >= 0 for x in inputs):  # Logits or features.
        inputs = [
            np.clip(scale * x, -1e4, 1e4).astype(dtype)
            if x.dtype.kind == "f"
            else x
            for x in inputs
        ]
    tensors = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch([x for x in tensors if x.dtype.is_floating])
        value = case.loss(*tensors)
    found = tape.gradient(value, [tensors[i] for i in case.gradient_inputs])
    assert value.dtype == "float32"
    assert np.isfinite(value) and value >= -1e-6
    for gradient in found:
        assert np.all(np.isfinite(gradient))


@given(p=probabilities(), z=logits(), temperature=st.sampled_from([0.5, 4.0]))
def test_divergence_is_0_at_equality_and_nowhere_less(p, z, temperature):
    each = losses.LogitsKLDivergence(temperature, reduction=None)
    same = softmax(z / temperature).astype("float32")
    np.testing.assert_allclose(each(same, z), 0, atol=2e-5)
    if p.shape == z.shape:
        assert np.min(each(p, z)) >= -1e-5
    squared = losses.LogitsKLDivergence(temperature, True, reduction=None)
    even = np.full_like(same, 1 / same.shape[-1])
    np.testing.assert_allclose(
        squared(even, z), temperature**2 * each(even, z), rtol=1e-5, atol=1e-6
    )


@given(pair=two_logits())
def test_cross_entropy_is_the_divergence_and_the_entropy(pair):
    student, teacher = pair
    p = softmax(teacher).astype("float32")
    cross, divergence, entropy = (
        np.array(loss(reduction=None)(*inputs))
        for loss, inputs in (
            (losses.SoftCrossEntropyLoss, (student, teacher)),
            (losses.LogitsKLDivergence, (p, student)),
            (losses.EntropyLoss, (teacher,)),
        )
    )
    np.testing.assert_allclose(
        cross, divergence + entropy, rtol=1e-4, atol=1e-4
    )
    assert entropy.min() >= -1e-6
    assert entropy.max() <= np.log(p.shape[-1]) + 1e-5


@given(pair=two_logits(), smoothing=st.floats(0, 1))
def test_smoothing_lies_between_the_label_and_all_classes(pair, smoothing):
    student, teacher = pair
    labels = teacher.argmax(-1)

    def at(share):
        return np.array(
            losses.SmoothedCrossEntropy(share, reduction=None)(labels, student)
        )

    np.testing.assert_allclose(
        at(smoothing),
        (1 - smoothing) * at(0.0) + smoothing * at(1.0),
        rtol=1e-4,
        atol=1e-4,
    )
    keras_own = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=None
    )
    np.testing.assert_allclose(
        at(0.0), keras_own(labels, student), rtol=1e-5, atol=1e-5
    )


@given(first=probabilities(), data=st.data())
def test_l2_is_a_squared_distance(first, data):
    second = first[data.draw(permutations(len(first)))]
    each = losses.L2ConsistencyLoss(reduction=None)
    np.testing.assert_allclose(each(first, second), each(second, first), 1e-6)
    np.testing.assert_array_equal(each(first, first), 0)
    # Two distributions are at most at two corners of the simplex.
    assert np.max(each(first, second)) <= 2 + 1e-6


@given(p=probabilities())
def test_balance_is_least_where_the_mean_is_uniform(p):
    classes = p.shape[-1]
    loss = losses.ClassBalanceLoss(classes)
    even = np.full_like(p, 1 / classes)
    assert float(loss(p)) >= float(loss(even)) - 1e-6
    # All orders of the classes together are uniform in the mean.
    turned = np.concatenate([np.roll(p, n, axis=-1) for n in range(classes)])
    np.testing.assert_allclose(loss(turned), loss(even[:1]), rtol=1e-5)


@given(z=logits(), data=st.data(), temperature=st.sampled_from([1.0, 2.5]))
def test_confusion_is_a_share_and_knows_no_names(z, data, temperature):
    loss = losses.MinimumClassConfusionLoss(temperature)
    value = float(loss(z))
    assert -1e-5 <= value <= 1 + 1e-5
    order = data.draw(permutations(z.shape[-1]))
    np.testing.assert_allclose(loss(z[:, order]), value, rtol=1e-3, atol=1e-5)


@given(seed=SEEDS, angle=st.floats(0, 6))
def test_triplets_depend_only_on_distances(seed, angle):
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1, 2], 2)
    first, second = rng.normal(size=(2, 6, 2)).astype("float32")
    turn = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]],
        "float32",
    )
    loss = losses.SoftTripletLoss()
    np.testing.assert_allclose(
        loss(first @ turn + 3, second @ turn - 1, labels),
        loss(first, second, labels),
        rtol=1e-3,
        atol=1e-4,
    )
