"""Seeds of random tests, as in random.h: printed at every run, taken back from ORTHANT_TEST_SEED."""

import os
import time


def random_seed():
    given = os.environ.get("ORTHANT_TEST_SEED", "")
    seed = int(given) if given.isdigit() else time.time_ns() % 2**31
    print(f"ORTHANT_TEST_SEED={seed}", flush=True)
    return seed
