#!/usr/bin/env python3
"""Makes what tests/encoder/golden/ holds of pairs of texts with Hugging Face's `tokenizers`.

Run by hand where the package is installed; the results are committed. Forms of the files: tests/encoder/golden/README.md.
"""

import pathlib

import tokenizers
from tokenizers import Tokenizer

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/encoder/golden"


def title(what):
    return f"# Made by scripts/make_golden_tokenizers.py, tokenizers {tokenizers.__version__}: {what}\n"


# ---- pairs: each kind of template, cut to each length ----

PAIR_TOKENIZERS = ["cased", "strip_only", "lower_only", "no_normalizer"]  # a template, Bert's, RoBERTa's and no post-processor
PAIR_WORDS = [(0, 0), (1, 0), (0, 3), (2, 2), (4, 4), (9, 2), (2, 9), (5, 8), (8, 5), (12, 12)]
PAIR_LENGTHS = [0, 5, 6, 7, 8, 9, 12, 15, 16, 30]


def write_pairs():
    lines = [title("tokenizer, words of the first text, of the second, max_length (0: none), ids, type ids")]
    for name in PAIR_TOKENIZERS:
        tokenizer = Tokenizer.from_file(str(GOLDEN / "tokenizers" / name / "tokenizer.json"))
        tokenizer.no_padding()
        for limit in PAIR_LENGTHS:
            tokenizer.no_truncation() if limit == 0 else tokenizer.enable_truncation(limit, strategy="longest_first")
            for first, second in PAIR_WORDS:
                encoding = tokenizer.encode(" ".join(["foo"] * first), " ".join(["bar"] * second))
                ids, types = (" ".join(map(str, values)) for values in (encoding.ids, encoding.type_ids))
                lines.append(f"{name}\t{first}\t{second}\t{limit}\t{ids}\t{types}\n")
    (GOLDEN / "token_pairs.tsv").write_text("".join(lines))


def main():
    write_pairs()


if __name__ == "__main__":
    main()
