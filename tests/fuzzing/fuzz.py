"""Coverage-guided fuzzing: fuzz.py [TARGET...] [--seconds N | --inputs N] [--corpus FOLDER].

Each target runs in a process of its own for that long, or, for a build server, on so many inputs chosen by a fixed
seed; it begins with what the corpus folder holds of it and the samples, all of which are tried. Prints how many inputs
were tried, the branches they reached, and the crashes, each of which becomes a file in crashes/, where the tests run
it again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CRASHES = Path(__file__).parent / "crashes"
LARGEST = 4_096  # bytes of an input


def fuzz(name: str, bounds: list[str], corpus: Path) -> None:
    """Fuzz one target within the bounds, which are libFuzzer's options; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["ipipdiag"]):
        from tests.fuzzing.targets import TARGETS

    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds():
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    limits = [*bounds, f"-max_len={LARGEST}", "-timeout=20", "-rss_limit_mb=2048"]
    found = [f"-artifact_prefix={CRASHES}/{name}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, *found, str(folder)], TARGETS[name].run)
    atheris.Fuzz()


def report(name: str, output: str, code: int) -> str:
    """A line of the table, from what libFuzzer said."""
    tried = re.findall(r"stat::number_of_executed_units:\s*(\d+)", output) or re.findall(r"#(\d+)\s", output) or ["0"]
    reached = re.findall(r"cov: (\d+)", output) or ["0"]
    crash = re.findall(r"Test unit written to (\S+)", output)
    return (
        f"{name:<12}{tried[-1]:>12}{reached[-1]:>10}  {crash[-1] if crash else 'none' if code == 0 else output[-500:]}"
    )


def main() -> int:
    """Fuzz each target in turn; 1 where one crashed."""
    parser = argparse.ArgumentParser(description="Fuzz readers, decoder, BGP, cluster loaders and redaction.")
    parser.add_argument("targets", nargs="*", default=["captures", "frames", "bgp", "cluster", "redaction"])
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", "60")))
    parser.add_argument("--inputs", type=int, help="try so many inputs instead, chosen by a fixed seed")
    parser.add_argument("--corpus", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("fuzzing skipped: atheris is not installed")
        return 0
    by_count = ["--inputs", str(arguments.inputs)] if arguments.inputs else []
    if arguments.here:
        bounds = [f"-runs={arguments.inputs}", "-seed=1"] if by_count else [f"-max_total_time={arguments.seconds}"]
        fuzz(arguments.targets[0], bounds, arguments.corpus)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    print(f"{'target':<12}{'inputs':>12}{'branches':>10}  crash")
    codes = []
    for name in arguments.targets:
        options = ["--here", "--seconds", str(arguments.seconds), *by_count, "--corpus", str(arguments.corpus)]
        done = subprocess.run(
            [sys.executable, __file__, name, *options],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
        print(report(name, done.stdout, done.returncode), flush=True)
        codes.append(done.returncode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
