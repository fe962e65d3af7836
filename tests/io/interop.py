"""Files that Python wrote for hooked to read, and files of hooked's that Python reads.

    interop.py write DIRECTORY    writes theirs.safetensors, theirs.npz, ... there
    interop.py check DIRECTORY    reads ours.safetensors, ours.npz and ours.npy there

Both sides make the same numbers from bit patterns, so that every bit is compared: infinities,
subnormals and NaNs with their payloads are among them.
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy


def pattern(dtype, shape):
    """Element i is made of the low bits of (i + 1) * 0x9E3779B97F4A7C15."""
    width = np.dtype(dtype).itemsize
    count = int(np.prod(shape, dtype=np.int64))
    bits = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return bits.astype(f"<u{width}").view(dtype).reshape(shape)


def tensors():
    return {
        "f32": pattern("<f4", (13, 17)),
        "f64": pattern("<f8", (5, 3, 7)),
        "i32": pattern("<i4", (11,)),
        "i64": pattern("<i8", (2, 1, 2, 1, 2, 1)),
        "u8": pattern("|u1", (9,)),
        "bool": pattern("|u1", (4, 5)) % 3 == 0,
        "scalar": pattern("<f8", ()),
        "empty": pattern("<f4", (0, 3)),
        "blocks.0.attn.hook_pattern": pattern("<f4", (2, 4, 3, 3)),
    }


METADATA = {"format": "pt"}


def write(directory):
    ours = tensors()
    f16 = np.arange(65536, dtype=np.uint32).astype("<u2").view("<f2")
    with np.errstate(invalid="ignore"):
        halves = {"f16": f16, "f16_as_f32": f16.astype("<f4")}
    safetensors.numpy.save_file(ours | halves, directory / "theirs.safetensors", metadata=METADATA)
    np.savez(directory / "theirs.npz", fortran=np.asfortranarray(ours["f64"]), **ours, **halves)
    np.savez_compressed(directory / "compressed.npz", a=ours["f32"])
    with open(directory / "version2.npy", "wb") as file:
        np.lib.format.write_array(file, ours["f64"], version=(2, 0))
    try:
        import torch
        from safetensors.torch import save_file
    except ImportError:
        return  # no torch.safetensors: the test says that it skips BF16
    bf16 = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    save_file({"bf16": bf16, "bf16_as_f32": bf16.float()}, directory / "torch.safetensors")


def check_same(name, found, expected):
    assert found.dtype == expected.dtype, (name, found.dtype)
    assert found.shape == expected.shape, (name, found.shape)
    assert found.tobytes() == expected.tobytes(), name


def check(directory):
    expected = tensors()
    path = directory / "ours.safetensors"
    found = safetensors.numpy.load_file(path)
    archive = np.load(directory / "ours.npz", allow_pickle=False)
    assert set(found) == set(archive.files) == set(expected), (sorted(found), archive.files)
    for name, tensor in expected.items():
        check_same(name, found[name], tensor)
        check_same(name, archive[name], tensor)
        with np.errstate(invalid="ignore"):
            buffer = io.BytesIO()
            np.save(buffer, tensor)
        assert zipfile.ZipFile(directory / "ours.npz").read(name + ".npy") == buffer.getvalue(), name
    assert zipfile.ZipFile(directory / "ours.npz").testzip() is None
    check_same("ours.npy", np.load(directory / "ours.npy"), expected["f64"])
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata() == METADATA, file.metadata()
    reference = safetensors.numpy.save(expected, metadata=METADATA)
    assert path.read_bytes() == reference, "not the bytes of the reference implementation"
    try:
        from safetensors.torch import load_file
    except ImportError:
        return
    for name, tensor in load_file(path).items():
        check_same(name, tensor.numpy(), expected[name])


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]))
