"""What the peers share: the case that they load and the protocol that they speak.

A peer is started as bench/steps is, `PROGRAM --case NAME --threads N --data DIR`, where DIR is what
`steps --case NAME --write DIR` left. It prints {"values": [...]}; then, for every line "run N" on
the standard input, it does the work N times and prints {"ms": [...]}.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


@dataclass
class Case:
    """A model, its batch, and what is to be done with them."""

    # "train", "forward", "cache", "patching", "prefill", "generate", "train_pairs" or "train_rows"
    work: str
    config: dict  # HookedTransformerConfig's keys
    weights: dict[str, np.ndarray]  # under HookedTransformer's names
    batch: dict[str, np.ndarray]  # all of it: of "train_pairs" source, target, their masks and labels
    tokens: np.ndarray  # [batch, pos]; [0, 0] where the model reads none
    labels: np.ndarray  # [batch, the number of positions]
    positions: list[int]  # where the loss is read
    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    sparsity: float  # of "train_rows"
    k: int  # features of a row, of "train_rows"; 0: all that are above 0

    @property
    def all_positions(self) -> bool:
        return len(self.positions) == self.tokens.shape[1]

    @property
    def wanted(self) -> slice:
        """The positions as a slice, whose gradient is cheaper than that of a list."""
        first, last = self.positions[0], self.positions[-1]
        assert self.positions == list(range(first, last + 1)), "positions have gaps"
        return slice(first, last + 1)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser()
    result.add_argument("--case")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--data", type=Path, required=True)
    return result


def load(folder: Path) -> Case:
    facts = json.loads((folder / "case.json").read_text())
    batch = dict(np.load(folder / "batch.npz"))
    none = np.zeros((0, 0), np.int32)
    config, tokens = folder / "config.json", batch.get("tokens", none)
    return Case(
        work=facts["work"],
        config=json.loads(config.read_text()) if config.exists() else {},
        weights=load_file(folder / "model.safetensors"),
        batch=batch,
        tokens=tokens,
        labels=batch.get("labels", none),
        positions=facts.get("positions") or list(range(tokens.shape[1])),
        lr=facts["lr"],
        betas=tuple(facts["betas"]),
        eps=facts["eps"],
        weight_decay=facts["weight_decay"],
        sparsity=facts.get("sparsity", 0.0),
        k=facts.get("k", 0),
    )


def say(message: dict) -> None:
    print(json.dumps(message), flush=True)


def unsupported() -> None:
    """Says that this peer has no notion of the case's work, and ends."""
    say({"unsupported": True})
    sys.exit(0)


def serve(values: list[float], work: Callable[[], object]) -> None:
    """Prints the values, then times `work` on command until the input ends."""
    say({"values": values})
    for line in sys.stdin:
        times = []
        for _ in range(int(line.removeprefix("run "))):
            start = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - start))
        say({"ms": times})
