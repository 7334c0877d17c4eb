"""Every figure that needs no more than this checkout, one table after the other. See each script for its method.

python bench/run.py
"""

import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    *(("speed.py", "--long"), ("pieces.py",), ("render.py",), ("quality.py",)),
    *(("motion.py", "--only", "languages", "minutes", "weights"), ("noise.py",), ("verification.py",)),
)

if __name__ == "__main__":
    folder = Path(__file__).parent
    for script, *options in SCRIPTS:
        print(f"\n== bench/{script} {' '.join(options)}\n", flush=True)
        if subprocess.run([sys.executable, str(folder / script), *options]).returncode:
            sys.exit(f"bench/{script} failed")
