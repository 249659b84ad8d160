"""run_with_numpy.py ENVIRONMENT TEST.py: runs a test of this folder in an environment that has numpy; makes it where it is missing.
Exit code 77: skipped, with the reason."""

import pathlib
import subprocess
import sys

NUMPY = "numpy==2.4.6"
HERE = pathlib.Path(__file__).resolve().parent


def run_or_skip(command, what):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(f"skipped: {what} failed: {(done.stdout.strip().splitlines() or ['no output'])[-1]}")
        sys.exit(77)


def main():
    environment, test = pathlib.Path(sys.argv[1]), sys.argv[2]
    python = environment / "bin/python"
    if not (environment / "complete").exists():
        run_or_skip([sys.executable, "-m", "venv", "--clear", str(environment)], "making a Python environment")
        run_or_skip([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NUMPY], "installing numpy")
        (environment / "complete").touch()
    sys.exit(subprocess.run([str(python), str(HERE / test)]).returncode)


if __name__ == "__main__":
    main()
