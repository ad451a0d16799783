"""Makes and times the steps of `_torch_steps.py`, in a process without Keras.

PyTorch's wheels for Linux bring Triton, which crashes in a process that has
loaded TensorFlow; and neither framework's threads wait on the other's.
"""

import os
import time

import _torch_steps
import _worker
import numpy as np
import torch

steps = {}


def make(method, network, layout, settings, weights, batch):
    """Makes a step of a method, named by its layout, and its batch.

    Args:
        method: name of a class of `_torch_steps`.
        network: depth and width of the wide residual network.
        layout: one of `_torch_steps.LAYOUTS`.
        settings: arguments of the class by name.
        weights: see `_torch_steps.Step.load`.
        batch: dict of views, and labels.
    """
    network = _torch_steps.WideResNet(*network)
    step = getattr(_torch_steps, method)(network, layout, **settings)
    step.load(weights)
    steps[layout] = step, step.batch(*batch)


def first_step(layout):
    """Makes a step; returns what it computed, as arrays."""
    step, batch = steps[layout]
    with torch.no_grad():
        logits = step.student(torch.cat(list(batch[0].values())))
    results = {"logits": [logits], "loss": [step(*batch)]}
    # The optimizer overwrites `grad`; from rest, the momentum is the gradient.
    state = step.optimizer.state
    results["gradient"] = [state[p]["momentum_buffer"] for p in step.parameters]
    results["weight"] = step.parameters
    if step.teacher is not None:
        results["average"] = list(step.teacher.parameters())
    return {
        name: [value.detach().clone().numpy() for value in values]
        for name, values in results.items()
    }


def seconds(layout, count):
    """Returns the seconds of each of `count` steps, after one that warms up."""
    step, batch = steps[layout]
    times = []
    for _ in range(count + 1):
        step(*batch)
        times.append(time.perf_counter())
    return np.diff(times)


if __name__ == "__main__":
    # As many as TensorFlow's.
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    _worker.serve(make, first_step, seconds)
