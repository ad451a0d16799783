"""Corruptions that overlap with the training augmentation.

The benchmark measures robustness to corruptions that are unseen in training.
Color operations of RandAugment or AutoAugment resemble some of them. AugMix
excludes contrast, brightness, color and sharpness for that reason.

Reference: Hendrycks et al. 2020, "AugMix", section 3
(https://arxiv.org/abs/1912.02781).
"""

_RAND_AUGMENT = (
    "AutoContrast",
    "Equalize",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
)

# Policies and views that consist of several operations.
POLICIES = {
    "RandAugment": _RAND_AUGMENT,
    "AutoAugment": _RAND_AUGMENT,
    "AugMix": ("AutoContrast", "Equalize"),
    "RandomColorJitter": ("Brightness", "Contrast", "Color"),
}

# Operations and the corruptions that they resemble; Sharpness below 1 blurs.
OVERLAPS = {
    "AutoContrast": ("contrast",),
    "Equalize": ("contrast",),
    "Contrast": ("contrast",),
    "RandomContrast": ("contrast",),
    "Brightness": ("brightness",),
    "RandomBrightness": ("brightness",),
    "Color": ("saturate",),
    "RandomSaturation": ("saturate",),
    "Sharpness": ("defocus_blur", "gaussian_blur"),
    "RandomSharpness": ("defocus_blur", "gaussian_blur"),
    "RandomGaussianBlur": ("defocus_blur", "gaussian_blur"),
    "GaussianNoise": ("gaussian_noise", "shot_noise", "speckle_noise"),
    "JPEG": ("jpeg_compression",),
}

UNKNOWN = (
    "The training augmentation is unknown. If it changed brightness, contrast "
    "or saturation, as RandAugment and AutoAugment do, the corruptions "
    "brightness, contrast and saturate are not unseen, and means over them are "
    "too optimistic."
)


def operation_names(augmentations) -> list[str] | None:
    """Returns the names of the operations of views and layers.

    Args:
        augmentations: a view, a `Compose` of views, a Keras layer, a name, or a
            list of these; or `None`.
    """
    if augmentations is None:
        return None
    if isinstance(augmentations, str) or not hasattr(augmentations, "__iter__"):
        augmentations = [augmentations]
    names = []
    for item in augmentations:
        item = getattr(item, "layer", item)  # A view that wraps a layer.
        inner = getattr(item, "views", None) or getattr(item, "layers", None)
        if inner:
            names += operation_names(list(inner))
            continue
        name = item if isinstance(item, str) else type(item).__name__
        ops = None if isinstance(item, str) else getattr(item, "ops", None)
        names += [name, *(ops or POLICIES.get(name, ()))]
    return list(dict.fromkeys(names))


def overlapping_corruptions(augmentations) -> dict[str, list[str]]:
    """Returns a dict from corruptions to the operations that resemble them."""
    overlaps = {}
    for name in augmentations or ():
        for corruption in OVERLAPS.get(name, ()):
            overlaps.setdefault(corruption, []).append(name)
    return overlaps


def describe(augmentations) -> str:
    """Describes which corruptions overlap with the training augmentation."""
    if augmentations is None:
        return UNKNOWN
    overlaps = overlapping_corruptions(augmentations)
    if not overlaps:
        trained = ", ".join(augmentations) or "no augmentation"
        return f"Trained with {trained}: no known overlap with the corruptions."
    parts = [f"{name} ({', '.join(ops)})" for name, ops in overlaps.items()]
    return (
        "These corruptions overlap with the training augmentation: "
        f"{'; '.join(parts)}. They are not unseen (marked * in the tables), "
        "and means over them are too optimistic."
    )
