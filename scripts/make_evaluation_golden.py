#!/usr/bin/env python3
"""Makes tests/engine/golden/evaluation.txt: rankings, judgements and what trec_eval measures on them.

Run by hand, in an environment with numpy and pytrec_eval (pip install pytrec-eval-terrier); the result is committed. A line is a
query: the ranked documents, `|`, judgements as document:relevance (-1: a judged document that is not in the corpus), `|`, nDCG@10,
recall@10, recall@100 and the reciprocal rank of the first ten.
"""

import pathlib

import numpy as np
import pytrec_eval

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "tests/engine/golden/evaluation.txt"
CASES = 200
DOCUMENTS = 300
MISSING = -1


def make_case(random, number):
    depth = int(random.choice([0, 1, 5, 10, 11, 100, 150]))
    ranked = random.permutation(DOCUMENTS)[:depth].tolist()
    judged = random.permutation(DOCUMENTS)[: int(random.integers(1, 30))].tolist()
    # Some judgements hit the head of the ranking, or every measure would be near zero.
    judged = list(dict.fromkeys(judged + ranked[: int(random.integers(0, 8))]))
    grades = [-2, 0, 0, 1, 1, 1, 2, 3] if number % 3 else [0, 1]
    judgements = {document: int(random.choice(grades)) for document in judged}
    if number % 5 == 0:
        judgements[MISSING] = 1
    return ranked, judgements


def measure(ranked, judgements):
    names = {str(document): relevance for document, relevance in judgements.items()}
    evaluator = pytrec_eval.RelevanceEvaluator({"q": names}, {"ndcg_cut.10", "recall.10,100", "recip_rank"})
    run = {str(document): 1000.0 - rank for rank, document in enumerate(ranked)}
    full = evaluator.evaluate({"q": run}).get("q")
    if full is None:  # nothing was retrieved
        return [0.0] * 4
    ten = evaluator.evaluate({"q": dict(list(run.items())[:10])})["q"]
    return [full["ndcg_cut_10"], full["recall_10"], full["recall_100"], ten["recip_rank"]]


def main():
    random = np.random.default_rng(20240611)
    lines = []
    for number in range(CASES):
        ranked, judgements = make_case(random, number)
        lines.append(" | ".join([
            " ".join(map(str, ranked)),
            " ".join(f"{document}:{relevance}" for document, relevance in judgements.items()),
            " ".join(f"{value:.10f}" for value in measure(ranked, judgements)),
        ]))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
