"""The steps of `train_step.py` in PyTorch, from the papers.

The network is `kconsist.models.WideResNet`, layer for layer, so that either
can take the other's weights. Images are uint8, channels last, as in kconsist.
"""

import copy

import torch
from torch import nn
from torch.nn import functional

LAYOUTS = {
    "channels_first": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class Conv(nn.Conv2d):
    """A convolution with the padding of "same" in TensorFlow.

    With strides of 2 it pads an even image at its end only.
    """

    def __init__(self, inputs, filters, size, stride=1):
        super().__init__(inputs, filters, size, stride, bias=False)
        self.ends = size == 3 and stride == 2
        if size == 3 and not self.ends:
            self.padding = (1, 1)

    def forward(self, x):
        x = functional.pad(x, (0, 1, 0, 1)) if self.ends else x
        return super().forward(x)


class NormAndActivation(nn.BatchNorm2d):
    """Batch normalization and leaky ReLU, which overwrites its output."""

    def __init__(self, filters):
        super().__init__(filters, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return functional.leaky_relu(super().forward(x), 0.1, inplace=True)


class ResidualBlock(nn.Module):
    """Two convolutions, each after its normalization and activation."""

    def __init__(self, inputs, filters, stride, activate_before_residual):
        super().__init__()
        self.norm1 = NormAndActivation(inputs)
        self.conv1 = Conv(inputs, filters, 3, stride)
        self.norm2 = NormAndActivation(filters)
        self.shortcut = None
        if inputs != filters or stride > 1:
            self.shortcut = Conv(inputs, filters, 1, stride)
        self.conv2 = Conv(filters, filters, 3)
        self.activate_before_residual = activate_before_residual

    def forward(self, x):
        y = self.norm1(x)
        x = y if self.activate_before_residual else x
        y = self.norm2(self.conv1(y))
        x = x if self.shortcut is None else self.shortcut(x)
        return self.conv2(y).add_(x)


class WideResNet(nn.Module):
    """WRN-`depth`-`width` on uint8 images, with its features at hand."""

    def __init__(self, depth, width, num_classes=10):
        super().__init__()
        layers, inputs = [Conv(3, 16, 3)], 16
        for stage, stride in enumerate((1, 2, 2)):
            filters = 16 * width * 2**stage
            for block in range((depth - 4) // 6):
                first = block == 0
                layers.append(
                    ResidualBlock(
                        inputs,
                        filters,
                        stride if first else 1,
                        first and stage == 0,
                    )
                )
                inputs = filters
        self.backbone = nn.Sequential(*layers, NormAndActivation(inputs))
        self.classifier = nn.Linear(inputs, num_classes)

    def features(self, images):
        images = images.to(torch.float32).mul_(1 / 127.5).sub_(1)
        return self.backbone(images).mean((2, 3))

    def forward(self, images):
        return self.classifier(self.features(images))


class Step:
    """One step of SGD, and of the average where there is one.

    Args:
        network: the student.
        layout: one of `LAYOUTS`.
        heads: modules that train beside the student.
    """

    learning_rate = 0.03
    has_teacher = False
    teacher = None

    def __init__(self, network, layout, heads=()):
        self.student = network.to(memory_format=LAYOUTS[layout]).train()
        self.layout = layout
        self.heads = heads
        modules = [network, *heads]
        self.parameters = [p for m in modules for p in m.parameters()]
        self.optimizer = torch.optim.SGD(
            self.parameters,
            self.learning_rate,
            momentum=0.9,
            nesterov=True,
            foreach=True,
        )

    def batch(self, views, labels):
        """Returns arrays as the tensors of a batch, images in the layout."""
        views = {
            name: torch.from_numpy(images)
            .permute(0, 3, 1, 2)
            .contiguous(memory_format=LAYOUTS[self.layout])
            for name, images in views.items()
        }
        return views, torch.from_numpy(labels)

    def __call__(self, views, labels):
        """Makes one step; returns the loss."""
        self.optimizer.zero_grad()
        loss = self.loss(views, labels)
        loss.backward()
        self.optimizer.step()
        self.after_step()
        return loss.detach()

    def loss(self, views, labels):
        raise NotImplementedError

    def after_step(self):
        pass

    @torch.no_grad()
    def load(self, weights):
        """Takes over the weights of student and heads; starts the average.

        Args:
            weights: arrays in the order of the modules, of each the parameters
                and then the moving statistics.
        """
        tensors = [
            tensor
            for network in (self.student, *self.heads)
            for m in network.modules()
            for tensor in (*m.parameters(False), *m.buffers(False))
            if tensor.is_floating_point()
        ]
        for tensor, value in zip(tensors, weights, strict=True):
            tensor.copy_(torch.from_numpy(value))
        if self.has_teacher:
            self.teacher = copy.deepcopy(self.student).requires_grad_(False)
            networks = self.teacher, self.student
            self.averaged = [list(n.parameters()) for n in networks]
            self.copied = [list(n.buffers()) for n in networks]

    @torch.no_grad()
    def move_average(self, decay):
        averages, values = self.averaged
        torch._foreach_lerp_(averages, values, 1 - decay)


class FixMatch(Step):
    """FixMatch, with an average that copies the moving statistics."""

    has_teacher = True

    def __init__(self, network, layout, threshold, decay):
        super().__init__(network, layout)
        self.threshold, self.decay = threshold, decay

    def loss(self, views, labels):
        images = [views[name] for name in ("labeled", "weak", "strong")]
        logits = self.student(torch.cat(images))
        logits, weak, strong = logits.split([len(view) for view in images])
        p, pseudo_labels = weak.detach().softmax(-1).max(-1)
        consistency = functional.cross_entropy(
            strong, pseudo_labels, reduction="none"
        )
        consistency = (consistency * (p >= self.threshold)).mean()
        return functional.cross_entropy(logits, labels) + consistency

    def after_step(self):
        self.move_average(self.decay)
        torch._foreach_copy_(*self.copied)


class MeanTeacher(Step):
    """Mean Teacher; the teacher in training mode, on its own statistics."""

    has_teacher = True

    def __init__(self, network, layout, consistency_weight, decay):
        super().__init__(network, layout)
        self.consistency_weight, self.decay = consistency_weight, decay
        self.num_updates = 0

    def loss(self, views, labels):
        images = [views[name] for name in ("labeled", "strong")]
        logits = self.student(torch.cat(images))
        logits, strong = logits.split([len(view) for view in images])
        with torch.no_grad():
            target = self.teacher(views["weak"]).softmax(-1)
        consistency = functional.mse_loss(strong.softmax(-1), target)
        supervised = functional.cross_entropy(logits, labels)
        return supervised + self.consistency_weight * consistency

    def after_step(self):
        self.move_average(min(self.decay, 1 - 1 / (self.num_updates + 1)))
        self.num_updates += 1


class SimCLR(Step):
    """SimCLR with an online classifier on the features of the first view."""

    def __init__(self, network, layout, temperature):
        width = network.classifier.in_features
        self.projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )
        super().__init__(network, layout, [self.projection])
        self.temperature = temperature

    def loss(self, views, labels):
        size = len(labels)
        images = torch.cat([views["first"], views["second"]])
        features = self.student.features(images)
        logits = self.student.classifier(features[:size].detach())
        z = functional.normalize(self.projection(features))
        similarity = z @ z.T / self.temperature
        similarity.fill_diagonal_(-torch.inf)
        positives = torch.arange(2 * size).roll(size)
        contrastive = functional.cross_entropy(similarity, positives)
        return contrastive + functional.cross_entropy(logits, labels)
