"""Which corruptions a model has, in effect, been trained on.

The benchmark is about corruptions that training did not show. Color operations
of RandAugment or AutoAugment come close to some of them; AugMix leaves
contrast, brightness, color and sharpness out for that reason.

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

# Policies and views that stand for several operations.
POLICIES = {
    "RandAugment": _RAND_AUGMENT,
    "AutoAugment": _RAND_AUGMENT,
    "AugMix": ("AutoContrast", "Equalize"),
    "RandomColorJitter": ("Brightness", "Contrast", "Color"),
}

# What an operation comes close to; Sharpness below 1 is a blur.
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
    "What the model was trained with is not known here. Where training "
    "changed brightness, contrast or saturation, as RandAugment and "
    "AutoAugment do, the corruptions brightness, contrast and saturate are no "
    "unseen ones, and means over them flatter."
)


def operations(augmentations) -> list[str] | None:
    """Returns the names of the operations in views, layers or names.

    Args:
        augmentations: one or a list of: a view, a `Compose` of views, a Keras
            layer, a name; or `None`.
    """
    if augmentations is None:
        return None
    if isinstance(augmentations, str) or not hasattr(augmentations, "__iter__"):
        augmentations = [augmentations]
    found = []
    for item in augmentations:
        item = getattr(item, "layer", item)  # A view that wraps a layer.
        inner = getattr(item, "views", None) or getattr(item, "layers", None)
        if inner:
            found += operations(list(inner))
            continue
        name = item if isinstance(item, str) else type(item).__name__
        chosen = None if isinstance(item, str) else getattr(item, "ops", None)
        found += [name, *(chosen or POLICIES.get(name, ()))]
    return list(dict.fromkeys(found))


def overlapping(augmentations) -> dict[str, list[str]]:
    """Returns corruption → the training operations that come close to it."""
    found = {}
    for name in augmentations or ():
        for corruption in OVERLAPS.get(name, ()):
            found.setdefault(corruption, []).append(name)
    return found


def sentence(augmentations) -> str:
    """Says in words what of a report is no test of the unseen."""
    if augmentations is None:
        return UNKNOWN
    found = overlapping(augmentations)
    if not found:
        trained = ", ".join(augmentations) or "no augmentation"
        return (
            f"Trained with {trained}: nothing known to be close to one of the "
            "corruptions."
        )
    parts = [f"{name} ({', '.join(ops)})" for name, ops in found.items()]
    return (
        "Training showed the model something close to: "
        f"{'; '.join(parts)}. These are no unseen corruptions (marked * in the "
        "tables), and means over them flatter."
    )
