#!/usr/bin/env python3
"""Writes optimizers.json beside this script: what PyTorch's optimisers and schedules do in float64.

Each optimiser case: settings, the weights of two parameters before the first step, their gradients in
each step, and the weights after each step. The second parameter ("b") is in a group of its own where
the case has one. Each schedule case: what the learning rate of 1 is multiplied by in each step.
"""

import json
import pathlib

import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

STEPS = 6
ADAM = dict(lr=0.1, betas=(0.8, 0.9), eps=1e-6)
OPTIMIZERS = {
    "adamw": (AdamW, dict(ADAM, weight_decay=0.5), {}),
    "adamw_defaults": (AdamW, {}, {}),
    "adamw_group": (AdamW, dict(ADAM, weight_decay=0.5), dict(lr=0.025, weight_decay=0.0)),
    "adam": (Adam, ADAM, {}),
    "adam_l2": (Adam, dict(ADAM, weight_decay=0.5), {}),
    "adam_l2_group": (Adam, dict(ADAM, weight_decay=0.5), dict(lr=0.2, weight_decay=0.125)),
    "sgd": (SGD, dict(lr=0.1), {}),
    "sgd_momentum": (SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.5), {}),
    "sgd_group": (SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.5), dict(lr=0.05)),
}


def chain(optimizer, *pieces):
    schedules = [make(optimizer) for make, _ in pieces]
    ends = [sum(steps for _, steps in pieces[: i + 1]) for i in range(len(pieces) - 1)]
    return SequentialLR(optimizer, schedules, ends)


SCHEDULES = {
    "linear": lambda o: LinearLR(o, 1.0, 0.25, total_iters=6),
    "warmup": lambda o: LinearLR(o, 0.1, 1.0, total_iters=4),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=8, eta_min=0.1),
    "warmup_constant_cosine": lambda o: chain(
        o,
        (lambda o: LinearLR(o, 0.01, 1.0, total_iters=3), 3),
        (lambda o: ConstantLR(o, 1.0), 2),
        (lambda o: CosineAnnealingLR(o, T_max=4, eta_min=0.0), 4),
    ),
}
SCHEDULE_STEPS = 9  # CosineAnnealingLR rises again after T_max, ours stays


def optimizer_case(kind, settings, group):
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(n, dtype=torch.float64)) for n in (3, 2)]
    optimizer = kind([{"params": weights[:1]}, {"params": weights[1:], **group}], **settings)
    factors = {
        key + "_factor": group[key] / settings[key] if settings.get(key) else 1.0
        for key in ("lr", "weight_decay")
        if key in group
    }
    case = {"kind": kind.__name__, "settings": settings, "group": factors, "gradients": []}
    case["weights"] = [[w.tolist() for w in weights]]
    for _ in range(STEPS):
        for w in weights:
            w.grad = torch.randn_like(w)
        case["gradients"].append([w.grad.tolist() for w in weights])
        optimizer.step()
        case["weights"].append([w.tolist() for w in weights])
    return case


def factors(make):
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    found = []
    for _ in range(SCHEDULE_STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


if __name__ == "__main__":
    golden = {
        "torch": torch.__version__,
        "optimizers": {name: optimizer_case(*case) for name, case in OPTIMIZERS.items()},
        "schedules": {name: factors(make) for name, make in SCHEDULES.items()},
    }
    path = pathlib.Path(__file__).with_name("optimizers.json")
    path.write_text(json.dumps(golden) + "\n")
