#!/usr/bin/env python3
"""Memory and time of a model of GPT-2's size (12 layers, d_model 768, vocabulary 50,257), beside
TransformerLens: loading it, running it, its loss and every activation kept, of 1 x LENGTH tokens.

    bench/large_model.py [--program build-bench/bench/large_model] [--length 128 512]

The Python it runs in needs transformers, torch and transformer-lens (< 4). Weights are random:
transformers saves them, we load that directory, and TransformerLens, which loads pretrained models
by name alone, as many random numbers from a state_dict. Each participant is a process of its own.
`most` is the most memory that it held during a step, and `beyond` what of that is neither the
model nor what the step gives back (logits, activations). Prints a table in Markdown.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.pop(0)  # bench/ has a profile.py, which is not the one that torch imports
STEPS = ("load", "run", "loss", "cache")


def megabytes(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def make_checkpoints(directory):
    import torch
    from safetensors.torch import save_file
    from transformer_lens import HookedTransformer
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(directory / "hugging_face")
    model = HookedTransformer(lens_config())
    save_file(model.state_dict(), directory / "lens.safetensors")


def lens_config():
    from transformer_lens import HookedTransformerConfig

    return HookedTransformerConfig(
        n_layers=12, d_model=768, n_ctx=1024, n_heads=12, d_head=64, d_mlp=3072, d_vocab=50257,
        act_fn="gelu_new", normalization_type="LN", device="cpu", seed=0,
    )


def transformer_lens(directory, length):
    import torch
    from safetensors.torch import load_file
    from transformer_lens import HookedTransformer

    torch.set_grad_enabled(False)

    def report(name, times, kept, work):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the most is counted from now on
        best = 1e9
        for _ in range(times):
            start = time.perf_counter()
            result = work()
            best = min(best, time.perf_counter() - start)
            del result
        print(f"{name} {best:.3f} {kept:.0f} {megabytes('VmRSS:'):.0f} {megabytes('VmHWM:'):.0f}", flush=True)

    models = []

    def load():
        model = HookedTransformer(lens_config())
        model.load_state_dict(load_file(directory / "lens.safetensors"))
        models.append(model)

    report("load", 1, 0, load)
    model = models[0]
    print(f"model 0 {sum(p.numel() for p in model.parameters()) * 4 / 1e6:.0f} 0 0")
    tokens = torch.tensor([[i * 7919 % 50257 for i in range(length)]])
    logits = length * 50257 * 4 / 1e6
    report("run", 3, logits, lambda: model(tokens))
    report("loss", 3, 0, lambda: model(tokens, return_type="loss"))
    # Entries that look at the same numbers, as resid_post and the next resid_pre, count once.
    cache = model.run_with_cache(tokens)[1]
    sites = sum({x.data_ptr(): x.numel() * 4 for x in cache.values()}.values()) / 1e6
    del cache
    report("cache", 3, logits + sites, lambda: model.run_with_cache(tokens))


def rows_of(output):
    rows = {}
    for line in output.splitlines():
        name, seconds, kept, now, most = line.split()
        rows[name] = (float(seconds), float(kept), float(now), float(most))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default="build-bench/bench/large_model")
    parser.add_argument("--length", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--of-lens", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of_lens:
        transformer_lens(pathlib.Path(options.of_lens[0]), int(options.of_lens[1]))
        return
    os.environ["HF_HUB_OFFLINE"] = "1"
    print("| tokens | work | hooked, s | most, MB | beyond, MB | TransformerLens, s | most, MB |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        make_checkpoints(directory)
        for length in options.length:
            ours, theirs = (
                rows_of(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                for command in (
                    [options.program, str(directory / "hugging_face"), str(length)],
                    [sys.executable, __file__, "--of-lens", folder, str(length)],
                )
            )
            own = ours["model"][1]
            for step in STEPS:
                seconds, kept, _, most = ours[step]
                their_seconds, _, _, their_most = theirs[step]
                print(f"| {length} | {step} | {seconds:.2f} | {most:.0f} | {most - own - kept:.0f} "
                      f"| {their_seconds:.2f} | {their_most:.0f} |")


if __name__ == "__main__":
    main()
