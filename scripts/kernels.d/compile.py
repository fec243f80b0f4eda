"""Compiles the kernels by NVRTC and has ptxas assemble what comes out for every card.

Owns the options of both. Usage: compile.py NVIDIA_FOLDER KERNELS_FOLDER [--check]
"""

import ctypes
import pathlib
import re
import subprocess
import sys
import tempfile

# The oldest cards that are served: Turing. Multiplications and additions stay apart, so that the host's
# build of the same sources gives the same bits.
OPTIONS = [
    "--gpu-architecture=compute_75",
    "--fmad=false",
    "--ftz=false",
    "--prec-div=true",
    "--prec-sqrt=true",
    "--std=c++17",
]
CARDS = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"]


def compiler(folder):
    # The main library opens this one by its name alone.
    ctypes.CDLL(str(next((folder / "cuda_nvrtc/lib").glob("libnvrtc-builtins.so*"))), ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(folder / "cuda_nvrtc/lib/libnvrtc.so.12"))


def compiled(nvrtc, source, headers):
    """The PTX of a source, or the compiler's words."""
    program = ctypes.c_void_p()
    names = (ctypes.c_char_p * len(headers))(*[path.name.encode() for path in headers])
    texts = (ctypes.c_char_p * len(headers))(*[path.read_bytes() for path in headers])
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.read_bytes(), source.name.encode(), len(headers), texts, names
    )
    options = (ctypes.c_char_p * len(OPTIONS))(*[option.encode() for option in OPTIONS])
    status = nvrtc.nvrtcCompileProgram(program, len(OPTIONS), options)
    size = ctypes.c_size_t()
    if status != 0:
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        sys.exit(f"kernels: {source.name}: {log.value.decode()}")
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    return ptx.value.decode()


def main():
    folder, kernels = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    is_check = sys.argv[3:] == ["--check"]
    nvrtc = compiler(folder)
    headers = sorted(kernels.glob("*.h"))
    out = kernels / "ptx"
    out.mkdir(exist_ok=True)
    sources = sorted(kernels.glob("*.cu"))
    wanted = {source.stem for source in sources}
    stale = [path for path in out.glob("*.ptx") if path.stem not in wanted]
    if stale and is_check:
        sys.exit(f"kernels: {stale[0]} has no source")
    for path in stale:
        path.unlink()
    for source in sources:
        ptx = compiled(nvrtc, source, headers)
        path = out / f"{source.stem}.ptx"
        if is_check and (not path.is_file() or path.read_text() != ptx):
            sys.exit(f"kernels: {path} is not what {source} compiles to; run scripts/kernels")
        if not is_check:
            path.write_text(ptx)
        assembled(folder / "cuda_nvcc/bin/ptxas", path)
        count = len(re.findall(r"\.entry ", ptx))
        print(f"kernels: {source.name}: {count} kernels, {len(ptx)} bytes, assembled for {' '.join(CARDS)}")


def assembled(ptxas, path):
    for card in CARDS:
        with tempfile.NamedTemporaryFile() as out:
            said = subprocess.run(
                [ptxas, "-v", f"-arch={card}", path, "-o", out.name], capture_output=True, text=True
            )
        if said.returncode != 0:
            sys.exit(f"kernels: {path} for {card}: {said.stderr}")
        spilt = re.findall(r"([1-9]\d*) bytes spill", said.stderr)
        if spilt:
            sys.exit(f"kernels: {path} for {card} spills registers:\n{said.stderr}")


main()
