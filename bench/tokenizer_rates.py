#!/usr/bin/env python3
"""Texts a second of our tokenizer and of Hugging Face's `tokenizers`, one thread each, in turns: a table in Markdown.

    tokenizer_rates.py TOKENIZER_BENCH TEXTS FOLDER...

TEXTS holds one text a line; each FOLDER a tokenizer.json. Both are timed in CPU seconds of the thread, the best of three rounds.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer  # noqa: E402  (reads the variable when it is imported)


def their_seconds(tokenizer, texts):
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        for text in texts:
            tokenizer.encode(text)
        best = min(best, time.thread_time() - start)
    return best


def main():
    bench, file, *folders = sys.argv[1:]
    texts = pathlib.Path(file).read_text(errors="replace").split("\n")[:-1]
    print("| tokenizer | tokens a text | ours, texts/s | theirs, texts/s | ratio | load, s |\n|---|---|---|---|---|---|")
    for folder in folders:
        ours = json.loads(subprocess.run([bench, folder, file], capture_output=True, check=True, text=True).stdout)
        tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        theirs = their_seconds(tokenizer, texts)
        rates = ours["texts"] / ours["seconds"], len(texts) / theirs
        name = pathlib.Path(folder).name
        print(f"| {name} | {ours['tokens'] / ours['texts']:.0f} | {rates[0]:,.0f} | {rates[1]:,.0f} | {rates[0] / rates[1]:.1f} | {ours['load_seconds']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
