"""Every default, and the paper or the code that it comes from.

"Ours" stands where there is no such source.
"""

import kconsist
from kconsist import ema, layers, losses, schedules, targets

DEFAULTS = {
    # Saito et al. 2018: dropout 0.5 in the critic; the weights are ours.
    kconsist.AdversarialDropout: dict(
        classifier=None,
        rate=0.5,
        consistency_weight=1.0,
        reversal=1.0,
        seed=0,
    ),
    # TLL's dst.py: τ 0.95 without labeled pretraining, trade-off 1, η 1, η' 2,
    # heads of width 2048 with dropout 0.5; None is WarmStart(0.1, steps=1000).
    kconsist.DebiasedSelfTraining: dict(
        threshold=0.95,
        consistency_weight=1.0,
        worst_case_weight=1.0,
        eta_prime=2.0,
        reversal=None,
        width=2048,
        dropout=0.5,
    ),
    # keras.io's knowledge distillation: compile(alpha=0.1, temperature=3).
    kconsist.Distiller: dict(
        alpha=0.1, temperature=3.0, distillation_loss=None
    ),
    # Sohn et al. 2020: τ 0.95, λ_u 1. It evaluates an average of 0.999, which
    # is an option here.
    kconsist.FixMatch: dict(
        threshold=0.95, consistency_weight=1.0, ema_decay=None
    ),
    # Zhang et al. 2021, algorithm 1: as FixMatch; convex mapping, warm-up.
    kconsist.FlexMatch: dict(
        threshold=0.95,
        consistency_weight=1.0,
        mapping="convex",
        warmup=True,
        ema_decay=None,
    ),
    # Tarvainen and Valpola 2017: α 0.999, teacher in training mode with its
    # own statistics. Google's MixMatch code: weight 50, mean over classes.
    # Their code's warm-up begins one step later: see ema.decay_at.
    kconsist.MeanTeacher: dict(
        decay=0.999,
        consistency_weight=50.0,
        warmup="mean",
        batch_norm="own",
        teacher_training=True,
    ),
    # Pham et al. 2021, the authors' flags: UDA's weight 8, temperature 0.7,
    # threshold 0.6; the mean of the feedback moves by 0.01.
    kconsist.MetaPseudoLabels: dict(
        consistency_weight=1.0,
        supervised_weight=0.0,
        uda_weight=8.0,
        temperature=0.7,
        threshold=0.6,
        baseline_decay=0.99,
        sampled=True,
        seed=0,
    ),
    # Jin et al. 2020, section 4: T 2.5, μ 1.
    kconsist.MinimumClassConfusion: dict(temperature=2.5, confusion_weight=1.0),
    # Berthelot et al. 2019, section 4.1: T 0.5, α 0.75, λ_U 75 (CIFAR-10).
    kconsist.MixMatch: dict(
        temperature=0.5,
        alpha=0.75,
        consistency_weight=75.0,
        ema_decay=None,
        seed=0,
    ),
    # Ge et al. 2020, section 4.2: α 0.5 (soft labels), 0.8 (soft triplets),
    # averages at 0.999.
    kconsist.MutualMeanTeaching: dict(
        soft_weight=0.5,
        soft_triplet_weight=0.8,
        triplet_weight=1.0,
        decay=0.999,
    ),
    # Xie et al. 2020, the authors' code: soft labels, teacher_softmax_temp 1,
    # weight the ratio of the batches, which is None here.
    kconsist.NoisyStudent: dict(
        temperature=1.0, hard_labels=False, consistency_weight=None
    ),
    # Laine and Aila 2017: squared error through both. Google's code: 10.
    kconsist.PiModel: dict(
        consistency_weight=10.0,
        distance="mse",
        stop_gradient=False,
        more_views=(),
    ),
    # Lee 2013: no threshold, α_f 3.
    kconsist.PseudoLabel: dict(threshold=0.0, consistency_weight=3.0),
    # French et al. 2018: α 0.99, τ 0.968, weights 3 and 0.005.
    kconsist.SelfEnsembling: dict(
        decay=0.99,
        threshold=0.968,
        consistency_weight=3.0,
        balance_weight=0.005,
    ),
    # keras.io's consistency training: ½ and ½. T is ours: see its docstring.
    kconsist.SelfTrainer: dict(
        temperature=1.0,
        temperature_squared=True,
        alpha=0.5,
        hard_targets=False,
    ),
    # Wang et al. 2021, TLL's self_tuning.py: T 0.07, K 32, D 1024, m 0.999.
    kconsist.SelfTuning: dict(
        consistency_weight=1.0,
        temperature=0.07,
        queue_length=32,
        projection_size=1024,
        decay=0.999,
        seed=0,
    ),
    # Laine and Aila 2017: α 0.6, w_max 30.
    kconsist.TemporalEnsembling: dict(decay=0.6, consistency_weight=30.0),
    # Xie et al. 2020, the authors' image code: λ 1; temperature, threshold,
    # annealing and entropy off. ExponentialMovingAverage(num_updates=…).
    kconsist.UDA: dict(
        consistency_weight=1.0,
        temperature=1.0,
        threshold=0.0,
        signal_annealing=None,
        entropy_weight=0.0,
        ema_decay=None,
        ema_warmup="num_updates",
    ),
    # Miyato et al. 2018, section 4: α 1, K 1; no entropy in plain VAT. None is
    # a ξ of ε / 10, ours: the paper's 1e-6 drowns in float32.
    kconsist.VAT: dict(
        consistency_weight=1.0,
        entropy_weight=0.0,
        num_iterations=1,
        xi=None,
        seed=0,
    ),
    # TLL's ClassBalanceLoss has none.
    losses.ClassBalanceLoss: {},
    # TLL compares by >.
    losses.ConfidenceBasedSelfTrainingLoss: dict(inclusive=False),
    # TLL reduces both by the mean, with its own name for it.
    losses.ConsistencyLoss: dict(reduction="mean"),
    losses.L2ConsistencyLoss: dict(reduction="mean"),
    losses.EntropyLoss: {},
    # Hinton et al. 2015; T² is a choice of the method's.
    losses.LogitsKLDivergence: dict(temperature=1.0, temperature_squared=False),
    # TLL's temperature is required as well.
    losses.MinimumClassConfusionLoss: {},
    # Szegedy et al. 2016, section 7: ε 0.1.
    losses.SmoothedCrossEntropy: dict(label_smoothing=0.1),
    losses.SoftCrossEntropyLoss: {},
    # TLL's SoftTripletLoss: margin None, normalize_feature False.
    losses.SoftTripletLoss: dict(margin=None, normalize_feature=False),
    # TLL's StrongWeakConsistencyLoss: 0.7 and 0.85, over the kept ones.
    losses.StrongWeakConsistencyLoss: dict(
        threshold=0.7,
        temperature=0.85,
        sharpen="strong",
        mean_over="kept",
        inclusive=False,
    ),
    # TLL's eta_prime is required as well.
    losses.WorstCaseEstimationLoss: {},
    # TLL's WarmStartGradientReverseLayer: low 0, α 1.
    schedules.WarmStart: dict(low=0.0, slope=1.0),
    schedules.HalfCosine: dict(warmup_steps=0, end=0.0),
    # Xie et al. 2020, the authors' CIFAR-10 runs with 4,000 labels: linear.
    schedules.TrainingSignalAnnealing: dict(scale="linear"),
    schedules.FixMatchCosine: {},
    schedules.LinearRampDown: {},
    schedules.LinearRampUp: dict(start=0),
    schedules.SigmoidRampDown: {},
    schedules.SigmoidRampUp: {},
    # Laine and Aila 2017: α 0.6.
    layers.PredictionEnsemble: dict(decay=0.6),
    layers.ClassQueues: dict(seed=None),
    # TLL's DynamicThresholdingModule takes all of them, too.
    layers.DynamicThresholding: {},
    # Ours: ReMixMatch takes the mean of its last 128 batches.
    layers.DistributionAlignment: dict(decay=0.999, expected=None),
    layers.GradientReversal: dict(strength=1.0, auto_step=False),
    ema.make_teacher: dict(freeze="variables"),
    # FixMatch and MixMatch: no warm-up.
    ema.decay_at: dict(warmup=None),
    ema.ema_update: dict(batch_norm="copy"),
    targets.soft_targets: dict(temperature=1.0),
    # FixMatch, equation 4: max p >= τ.
    targets.confidence_mask: dict(inclusive=True),
    # MixMatch, section 3.2: T 0.5.
    targets.sharpen: dict(temperature=0.5),
}
