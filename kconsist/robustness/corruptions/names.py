"""The names of the corruptions, in the benchmark's order.

Reference: Hendrycks & Dietterich 2019 (https://arxiv.org/abs/1903.12261).
"""

# The 15 corruptions that the benchmark averages over.
MAIN = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
)

# Four more for tuning, not part of the benchmark's mean.
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")

CORRUPTIONS = MAIN + EXTRA

# The last corruption of each group is one of the four extras.
GROUPS = {
    "noise": MAIN[:3] + EXTRA[:1],
    "blur": MAIN[3:7] + EXTRA[1:2],
    "weather": MAIN[7:11] + EXTRA[2:3],
    "digital": MAIN[11:] + EXTRA[3:],
}

SEVERITIES = (1, 2, 3, 4, 5)

# The cell (corruption, severity) of the clean images.
CLEAN = ("clean", 0)
