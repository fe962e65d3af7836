#!/usr/bin/env python3
"""Writes sparse_autoencoders.json beside this script: features, reconstructions, losses and gradients
of sparse autoencoders in float64, by the formulas of the papers in PyTorch.

Each case: options, the loss's coefficients, parameters, rows x, and what comes out: pre, acts, recons,
the loss of every row, and the gradients of the parameters and of x along a cotangent of the losses.
"""

import json
import pathlib

import torch
from torch.nn.functional import relu

D_IN, D_SAE, ROWS = 4, 6, 5
CASES = {
    "standard": dict(architecture="standard", sparsity=0.3, mse=1.5),
    "standard_centred": dict(architecture="standard", apply_b_dec_to_input=True, sparsity=0.3),
    "topk": dict(architecture="topk", k=2, apply_b_dec_to_input=True),
    "topk_dead": dict(architecture="topk", k=2, dead=0.25, off=[1, 4]),
    "batchtopk": dict(architecture="batchtopk", k=1),
    "gated": dict(architecture="gated", apply_b_dec_to_input=True, sparsity=0.3, mse=1.5),
    "jumprelu": dict(architecture="jumprelu", bandwidth=0.8, sparsity=0.3),
}


def window(u):
    return ((u > -0.5) & (u < 0.5)).to(u.dtype)


class Jump(torch.autograd.Function):
    """x where it is above theta, with the straight-through gradient of theta."""

    @staticmethod
    def forward(ctx, x, theta, bandwidth):
        ctx.save_for_backward(x, theta)
        ctx.bandwidth = bandwidth
        return x * (x > theta)

    @staticmethod
    def backward(ctx, dy):
        x, theta = ctx.saved_tensors
        estimate = -theta / ctx.bandwidth * window((x - theta) / ctx.bandwidth) * dy
        return (x > theta) * dy, estimate.sum(0), None


class Step(torch.autograd.Function):
    """1 where x is above theta, with the straight-through gradient of theta."""

    @staticmethod
    def forward(ctx, x, theta, bandwidth):
        ctx.save_for_backward(x, theta)
        ctx.bandwidth = bandwidth
        return (x > theta).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, theta = ctx.saved_tensors
        estimate = -1 / ctx.bandwidth * window((x - theta) / ctx.bandwidth) * dy
        return torch.zeros_like(x), estimate.sum(0), None


def keep(pre, k):
    """The k largest numbers along the last axis."""
    found = pre.topk(k, dim=-1)
    return torch.zeros_like(pre).scatter(-1, found.indices, found.values)


def mean_square(x):
    return x.square().mean(-1)


def run(p, x, architecture, k=None, bandwidth=None, apply_b_dec_to_input=False, mse=1.0, sparsity=0.0, dead=0.0):
    entered = x - p["b_dec"] if apply_b_dec_to_input else x
    if architecture == "gated":
        gate = entered @ p["W_enc"] + p["b_gate"]
        pre = entered @ (p["W_enc"] * p["r_mag"].exp()) + p["b_mag"]
        acts = (gate > 0) * relu(pre)
    else:
        pre = entered @ p["W_enc"] + p["b_enc"]
    if architecture == "standard":
        acts = relu(pre)
    elif architecture == "topk":
        acts = relu(keep(pre, k))
    elif architecture == "batchtopk":
        acts = relu(keep(pre.flatten(), k * len(x)).view_as(pre))
    elif architecture == "jumprelu":
        theta = p["log_threshold"].exp()
        acts = Jump.apply(pre, theta, bandwidth)
    recons = acts @ p["W_dec"] + p["b_dec"]
    losses = mse * mean_square(x - recons)
    if architecture == "standard":
        losses = losses + sparsity * acts.sum(-1)
    elif architecture == "gated":
        by_gate = relu(gate) @ p["W_dec"].detach() + p["b_dec"].detach()
        losses = losses + sparsity * relu(gate).sum(-1) + mse * mean_square(x - by_gate)
    elif architecture == "jumprelu":
        losses = losses + sparsity * Step.apply(pre, theta, bandwidth).sum(-1)
    elif dead:
        off = (acts == 0).all(0)
        assert off.sum() >= D_IN // 2
        z = relu(keep(pre.masked_fill(~off, -torch.inf), D_IN // 2))
        losses = losses + dead * mean_square((x - recons).detach() - z @ p["W_dec"])
    return pre, acts, recons, losses


def case(settings):
    settings = dict(settings)
    off = settings.pop("off", [])
    torch.manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)
    names = {"standard": ["b_enc"], "gated": ["b_gate", "r_mag", "b_mag"]}
    p = {"W_enc": draw(D_IN, D_SAE), "W_dec": draw(D_SAE, D_IN), "b_dec": 0.3 * draw(D_IN)}
    p |= {name: 0.5 * draw(D_SAE) for name in names.get(settings["architecture"], ["b_enc"])}
    if settings["architecture"] == "jumprelu":
        p["log_threshold"] = 0.3 * draw(D_SAE) - 0.5
    x = draw(ROWS, D_IN)
    if off:  # never among the k largest, and yet above 0 here and there
        with torch.no_grad():
            p["W_enc"][:, off] *= 0.1
            p["b_enc"][off] = 0.05
    cotangent = draw(ROWS)
    x.requires_grad_()
    for value in p.values():
        value.requires_grad_()
    pre, acts, recons, losses = run(p, x, **settings)
    (losses @ cotangent).backward()
    numbers = lambda values: {name: value.detach().flatten().tolist() for name, value in values.items()}
    return {
        "settings": settings,
        "parameters": numbers(p),
        "x": x.flatten().tolist(),
        "cotangent": cotangent.tolist(),
        "out": numbers({"pre": pre, "acts": acts, "recons": recons, "losses": losses}),
        "gradients": numbers({name: value.grad for name, value in p.items()}),
        "gradient_of_x": x.grad.flatten().tolist(),
    }


if __name__ == "__main__":
    golden = {
        "torch": torch.__version__,
        "sizes": {"d_in": D_IN, "d_sae": D_SAE, "rows": ROWS},
        "cases": {name: case(settings) for name, settings in CASES.items()},
    }
    path = pathlib.Path(__file__).with_name("sparse_autoencoders.json")
    path.write_text(json.dumps(golden) + "\n")
