"""The texts of the comparison, taken from a retrieval set in BEIR's layout, the same ones in every run: one text a line.

No test query is among them. What a peer is calibrated on and what it is measured on are different documents.
"""

import json
import pathlib
import random

PASSAGES, QUERIES, JUDGED, CALIBRATION = 160, 240, 500, 100
# Words, by which about 112 tokens come out for SciFact's abstracts and about 12 for its claims (BERT's WordPiece, with CLS and SEP).
PASSAGE_WORDS, QUERY_WORDS = (40, 102), (3, 8)


def records(file):
    with open(file, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def cut(text, words, generator):
    return " ".join(text.split()[:generator.randint(*words)])


def make_texts(dataset, folder):
    """Writes passages.txt, queries.txt, judged.txt (whose embeddings are compared with torch's) and calibration.txt into `folder`."""
    dataset, folder, generator = pathlib.Path(dataset), pathlib.Path(folder), random.Random(4)
    documents = [f"{record.get('title', '')} {record['text']}" for record in records(dataset / "corpus.jsonl")]
    generator.shuffle(documents)
    train = {line.split("\t")[0] for line in (dataset / "qrels/train.tsv").read_text().splitlines()[1:]}
    queries = [record["text"] for record in records(dataset / "queries.jsonl") if str(record["_id"]) in train]
    passages = [cut(document, PASSAGE_WORDS, generator) for document in documents[:JUDGED]]
    short = [cut(query, QUERY_WORDS, generator) for query in queries]
    calibration = [cut(document, PASSAGE_WORDS, generator) for document in documents[-3 * CALIBRATION // 4:]] + short[-CALIBRATION // 4:]
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in (("passages", passages[:PASSAGES]), ("queries", short[:QUERIES]), ("judged", passages), ("calibration", calibration)):
        (folder / f"{name}.txt").write_text("".join(f"{' '.join(text.split())}\n" for text in texts), encoding="utf-8")


def read_texts(folder, name):
    return (pathlib.Path(folder) / f"{name}.txt").read_text(encoding="utf-8").splitlines()
