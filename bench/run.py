"""Every figure that needs no more than this checkout, one table after the other. See each script for its method.

    python bench/run.py

The figures also go to bench/results/DATE-COMMIT.json, for bench/compare.py.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import results

SCRIPTS = (
    *(("speed.py", "--long"), ("pieces.py",), ("render.py",), ("quality.py",)),
    *(("motion.py", "--only", "languages", "minutes", "weights"), ("noise.py",), ("verification.py",)),
)


def main() -> int:
    folder = Path(__file__).parent
    with tempfile.TemporaryDirectory(prefix="sonic-bench-") as scratch:
        collector = Path(scratch) / "measures.jsonl"
        environment = os.environ | {results.COLLECTOR: str(collector)}
        for script, *options in SCRIPTS:
            print(f"\n== bench/{script} {' '.join(options)}\n", flush=True)
            if subprocess.run([sys.executable, str(folder / script), *options], env=environment).returncode:
                sys.exit(f"bench/{script} failed")
        path = results.save(results.collected(collector)).relative_to(folder.parent)
    print(f"\n{path}; compare: python bench/compare.py EARLIER.json {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
