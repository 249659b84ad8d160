#!/usr/bin/env python3
"""Makes the golden token ids in tests/encoder/golden/ with Hugging Face's `tokenizers`.

    make_golden_tokens.py MODEL_DIR SHARED_DIR

MODEL_DIR is the default model's folder, SHARED_DIR holds data/ (without it, pass "-": the digests of the sets are left as they
are). Run by hand where the package is installed; the results are committed. Forms of the files: tests/encoder/golden/README.md.
"""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys

import tokenizers
from tokenizers import Tokenizer, normalizers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/encoder/golden"
CHUNK = 1000  # texts a line of the digests of sets
FUZZ_TEXTS, FUZZ_CHUNK, FUZZ_SEED = 2000, 100, 20261121

TORTURE = [
    "", " ", "\n\t\r", "hello world", "Hello, WORLD!", "don't stop-believing (ever)...", "unaffable tokenization", "a" * 99,
    # accents, composed and decomposed, and letters that only look like them
    "\u00c9l\u00e8ve na\u00efve fa\u00e7ade", "E\u0301le\u0300ve", "\u00d8re \u0141\u00f3d\u017a \u0111\u1eb7ng stra\u00dfe \u1e9e", "Cr\u00e8me Br\u00fbl\u00e9e \u00c5ngstr\u00f6m \u00dcn\u00efc\u00f6d\u00e9",
    # CJK, kana, Hangul, compatibility ideographs
    "\u9ed1\u8c79\u961f308\u5206", "\u6771\u4eac\u90fd\u306b\u884c\u304f\u3001\u30c6\u30b9\u30c8\u3002", "\uff28\uff45\uff4c\uff4c\uff4f\u3000\uff34\uff25\uff33\uff34",
    "\ud55c\uad6d\uc5b4 \ud14d\uc2a4\ud2b8", "\uac00\uac01\ud7a3", "\u1112\u1161\u11ab", "\uf900\ufa0e\U0002f800", "a\u4e2db\u6587c",
    # control, format and odd blank characters
    "a\x00b\x01c\x7fd\x80e", "\x00\x00\x00", "zero\u200bwidth\u200djoin\u2060er\ufeff", "soft\u00adhyphen", "a\u00a0b\u2003c\u2028d\u2029e\u3000f\u1680g\u0085h\x0bi\x0cj",
    "\ue000private\U0010fffd", "\ufffdreplacement\ufffe\uffff",
    # emoji: joined, skin tones, flags, keycaps, variation selectors, tags
    "\U0001f600\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family", "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "1\ufe0f\u20e3 #\ufe0f\u20e3", "\u2764\ufe0f\u200d\U0001f525",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    # right to left, with vowel marks and bidi controls
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0645\u064e\u0631\u0652\u062d\u064e\u0628\u064b\u0627", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", "\u202eabc\u202c \u2067def\u2069",
    # stacks of marks, in and out of canonical order, spacing marks with a combining class among them
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dA\u036b\u0357\u0334\u0362L\u0334\u0316G\u0335\u0302", "a\u0301\u0327\u0338", "\u0301alone", " \u0301",
    "a\u302e\u302f\u302eb", "\u302f\u302e", "x\U0001d165\U0001d16d\u302e\U0001d166y", "a\u0345\u0301\u302e\u0327", "\u302e\u200d\u302f", "\u302f\x01\u302e [SEP] \u302f", "q\U0001133e\U00011357 \u0f71\u0f72\u0f74\u0f80",
    # case: dotted and dotless i, final sigma, titlecase digraphs, ligatures, Georgian, Cherokee, Deseret
    "I\u0130i\u0131 DIYARBAKIR \u0130stanbul", "\u039f\u0394\u039f\u03a3 \u03a3\u03a3", "\u01c4\u01c5\u01c6 \u01f1", "\ufb01ne \ufb03 \ufb06 \u0132\u0133", "\u1c90\u10d0 \u13a0\uab70 \U00010400\U00010428", "\u2126 \u212a \u212b",
    "\u1e9b\u0323 \u1e69 \u1e0d\u0307", "\u0958\u09dc\u0b5c", "\u1f80\u1faf\u1fb4",
    # punctuation and symbols: ASCII's $+<=>^`|~ count, others' do not
    "$100+5=105 <b>^`|~</b> \u20ac5 \u00a35 \u00b1 \u2260 \u2014 \u2018q\u2019 \u00abq\u00bb \u2026 \u00bf\u00a1", "!?\"#%&'()*,-./:;@[\\]_{}", "\u3001\u3002\u300c\u300d\u30fb\u061f\u060c\u0964",
    "e=mc\u00b2 x\u2070 \u00bd \u2167 \u2460 \u33a1 \u210c", "http://example.org/a_b?c=d&e=%20#f user@host", "3.14159 1,000,000 0x1F -5 +3",
    # special tokens in the text
    "[SEP] [MASK]", "[CLS]x[SEP]", "the[MASK]cat", "[sep] [Mask] [UNK] [PAD]", "[[SEP]] [SEP", "[ SEP ]", "[SE\u0301P]", "[\u200bSEP]", "##ing ## #", "[unused0] [unused5]",
    # scripts whose vowels have classes, and newer ones that the tables do not know
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e04\u0e23\u0e31\u0e1a", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u1794\u17d2\u179a\u1791\u17c1\u179f", "\u0f56\u0f7c\u0f51\u0f0b", "\u10e1\u10d0\u10e5\u10d0\u10e0\u10d7\u10d5\u10d4\u10da\u10dd",
    "\U00011ef7\U00011eff \U0001e900\U0001e922 \u08d3\u08e2 \U00016ff0\u0345 a\u1dfa\u0345 \u1ac0", "\U00010d22\U00010d24 \U0001fbf0 \U00030000 \U000323af",
]
# Bytes that are no UTF-8: lone continuation, cut sequences, overlong forms, surrogates, past the end of Unicode.
BROKEN = [
    b"\xff\xfe", b"abc\x80def", b"caf\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82\xc3\xa9", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\x80", b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
    b"\xed\xa0\x80\xed\xb0\x80", b"x\xed\xbf\xbfy", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", b"[SEP\xff] [SE\x80P]",
]
# Long words and texts, as (count, bytes) parts.
LONG = [
    [(100000, b"a")], [(100, b"a")], [(101, b"a")], [(100, "\u00e9".encode())], [(101, "\u00e9".encode())], [(34, "\uac01".encode())],
    [(33, "\uac01".encode()), (1, b"a")], [(30000, "\u4e2d".encode())], [(100000, b" ")], [(2047, b"x"), (1, b" y")], [(50000, "\u0301".encode())],
    [(700, b"word "), (5000, b"b"), (700, b" and")], [(3000, b"\x00")], [(20000, b"\xff")], [(3000, b"[SEP]")], [(50000, b".")],
    [(1, b"a"), (3000, "\u302f\u302e".encode()), (1, b"b")],
]


class SplitMix:
    """SplitMix64, as in tests/encoder/tokenizer/golden_tokens.cpp: both make the same texts."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        return (z ^ z >> 31) % bound


FUZZ_RANGES = [
    (0x20, 0x7F), (0x20, 0x7F), (0x00, 0x100), (0xA0, 0x250), (0x250, 0x370), (0x300, 0x370), (0x370, 0x590), (0x590, 0x900),
    (0x900, 0x1200), (0x1200, 0x1D00), (0x1D00, 0x2000), (0x2000, 0x2E80), (0x302A, 0x3030), (0x2E80, 0x3400), (0x3400, 0xA000), (0xA000, 0xAC00),
    (0xAC00, 0xD7A4), (0xE000, 0xFB00), (0xFB00, 0x10000), (0x10000, 0x12000), (0x12000, 0x1D100), (0x1D100, 0x1D250), (0x1D250, 0x20000), (0x20000, 0x110000),
]
FUZZ_PARTS = [b" ", b" ", b"\n", b"[SEP]", b"[MASK]", b"the", b"ing", b"##s"]


def fuzz_text(random):
    out = bytearray()
    for _ in range(1 + random.below(32)):
        if random.below(4) == 0:
            out += FUZZ_PARTS[random.below(len(FUZZ_PARTS))]
        low, high = FUZZ_RANGES[random.below(len(FUZZ_RANGES))]
        out += chr(low + random.below(high - low)).encode()
    if random.below(8) == 0:
        position = random.below(len(out))
        out[position] = random.below(256)
    return bytes(out)


def load(path):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def ids_of(tokenizer, texts):
    """texts: bytes. Python's errors="replace" is the rule for what is no UTF-8."""
    return [e.ids for e in tokenizer.encode_batch([text.decode("utf-8", "replace") for text in texts])]


def digest(list_of_ids):
    hashed = hashlib.sha256()
    for ids in list_of_ids:
        hashed.update(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids))
    return hashed.hexdigest()[:16]


def title(what):
    return f"# Made by scripts/make_golden_tokens.py, tokenizers {tokenizers.__version__}: {what}\n"


def write_ids(path, what, tokenizer, cases, title=title):
    """cases: lists of (count, bytes) parts."""
    lines = [title(what)]
    for parts, ids in zip(cases, ids_of(tokenizer, [b"".join(count * part for count, part in parts) for parts in cases])):
        text = "+".join(f"{count}x{part.hex()}" for count, part in parts)
        shown = " ".join(map(str, ids)) if len(ids) <= 200 else f"{len(ids)} {digest([ids])}"
        lines.append(f"{text}\t{shown}\n")
    path.write_text("".join(lines))


def write_torture(tokenizer):
    cases = [[(1, text.encode())] for text in TORTURE] + [[(1, text)] for text in BROKEN] + LONG
    write_ids(GOLDEN / "token_ids.tsv", "text, ids", tokenizer, cases)


def write_fuzz(path, tokenizer, title=title):
    random = SplitMix(FUZZ_SEED)
    ids = ids_of(tokenizer, [fuzz_text(random) for _ in range(FUZZ_TEXTS)])
    lines = [title("first text, texts, tokens, digest")]
    for first in range(0, FUZZ_TEXTS, FUZZ_CHUNK):
        chunk = ids[first : first + FUZZ_CHUNK]
        lines.append(f"{first} {len(chunk)} {sum(map(len, chunk))} {digest(chunk)}\n")
    path.write_text("".join(lines))


# Runs of marks whose order NFD changes, with what separates or joins them: ids seldom show it, normalized text does.
MARKS = [0x302E, 0x302F, 0x1D165, 0x1D16D, 0x301, 0x327, 0x345, 0x338, 0x34F, 0x16FF0, 0x1133E, 0xF71, 0xF74, 0x3099, 0x200D, 0x1, 0x20, 0x61, 0x49, 0x1E9B, 0xAC01, 0x4E2D, 0xF900]
FORMS = {"uncased": {}, "cased": {"lowercase": False}, "strip_only": {"clean_text": False, "handle_chinese_chars": False, "strip_accents": True, "lowercase": False}}


def write_normalized():
    random = SplitMix(FUZZ_SEED)
    marks = ["".join(chr(MARKS[random.below(len(MARKS))]) for _ in range(2 + random.below(12))) for _ in range(150)]
    lines = [title("form, text, normalized text")]
    for name, options in FORMS.items():
        form = normalizers.BertNormalizer(**options)
        lines += [f"{name}\t{text.encode().hex()}\t{form.normalize_str(text).encode().hex()}\n" for text in TORTURE + marks]
    (GOLDEN / "normalized_texts.tsv").write_text("".join(lines))


# ---- small tokenizers with options that the default model does not have ----

SMALL_WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the foo bar caf\u00e9 cafe Foo \u00e9 e\u0301 \u4e2d \u6587 \u00df i \u0131 un ##aff ##able ##foo ##bar ##\u00e9 ##\u4e2d , . < > < [ ] ! - # ##the The".split()
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
RAW_TOKENS = [("<mask>", {"lstrip": True}), ("<r>", {"lstrip": True, "rstrip": True}), ("Foo", {"single_word": True}), ("FooBar", {"single_word": True, "lstrip": True}), ("\u4e2d\u6587", {}), ("<", {"normalized": True}), ("<ma", {})]
NORMALIZED_TOKENS = [("<MASK>", {"lstrip": True}), ("R\u00e9", {"rstrip": True}), ("Foo Bar", {"single_word": True}), ("\u4e2d\u6587", {}), ("The", {"single_word": True}), ("<m", {"normalized": False})]
SMALL = {
    "cased": (dict(BERT, lowercase=False, strip_accents=False), [], "template"),
    "strip_only": (dict(BERT, clean_text=False, handle_chinese_chars=False, lowercase=False, strip_accents=True), [], "bert"),
    "lower_only": (dict(BERT, clean_text=False, handle_chinese_chars=False, strip_accents=False), [], "roberta"),
    "no_normalizer": (None, [], None),
    "raw_tokens": (BERT, RAW_TOKENS, "template"),
    "normalized_tokens": (BERT, [(c, {"normalized": True} | f) for c, f in NORMALIZED_TOKENS], "template"),
}
SMALL_TEXTS = [
    "", "foo bar", "Foo", "FOO FooBar foobar Foobar", "the the\u0301 The THE", "caf\u00e9 CAF\u00c9 cafe\u0301", "\u4e2d\u6587", "a\u4e2d\u6587b \u4e2d", "unaffable", "<mask>", "  <mask>  ", "the<mask>foo \u3000<mask>",
    "a <r>  <r> b", "<r>", " <r> <mask>", "<ma<mask>", "<MASK> <Mask>", "x Foo x", "xFoo Foox Foo_ \u00e9Foo Foo\u00e9 Foo\u0301", "Foo.Foo-Foo", "R\u00e9  R\u00c9 re r\u00e9 RE\u0301x", "foo bar foobar xfoo bar foo barx FOO  BAR",
    "[CLS] [SEP][MASK]", "\u0130 I \u0131", "\u00df \u1e9e", "\x00foo\x01", "\u200dfoo\u200d", "foo\u302f\u302e", "foo\u00a0bar\u2028bar", "a\ufffdb", "<m<m <mfoo", "\U0001f600 <", "the,foo.bar!",
]


def post_processor(kind):
    if kind == "template":
        special = {name: {"id": name, "ids": [SMALL_WORDS.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
        pieces = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
        return {"type": "TemplateProcessing", "single": pieces, "pair": pieces + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": special}
    ends = {"sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    if kind == "bert":
        return {"type": "BertProcessing"} | ends
    if kind == "roberta":
        return {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": False} | ends
    return None


def small_tokenizer(normalizer, tokens, kind):
    vocab = list(dict.fromkeys(SMALL_WORDS + [chr(c) for c in range(97, 123)] + ["##" + chr(c) for c in range(97, 123)]))
    added, next_id = [], len(vocab)
    for content, flags in [(name, {"special": True}) for name in SMALL_WORDS[:5]] + tokens:
        known = content in vocab
        base = {"id": vocab.index(content) if known else next_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        next_id += 0 if known else 1
        added.append(base | flags)
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20, "vocab": {token: i for i, token in enumerate(vocab)}}
    return {
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post_processor(kind), "decoder": None, "model": model,
    }  # fmt: skip


def write_small_tokenizers():
    for name, (normalizer, tokens, kind) in SMALL.items():
        folder = GOLDEN / "tokenizers" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(small_tokenizer(normalizer, tokens, kind), indent=None) + "\n")
        write_ids(folder / "token_ids.tsv", "text, ids", load(folder / "tokenizer.json"), [[(1, text.encode())] for text in SMALL_TEXTS])


# ---- the sets ----


def lines_of(path):
    if path.suffix == ".zst":
        content = subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    else:
        content = path.read_bytes()
    return [line for line in content.split(b"\n") if line]


def texts_of_jsonl(line):
    fields = json.loads(line)
    if "query" in fields:
        return [fields["query"].encode(), fields["positive"].encode()]
    return [(fields["title"] + " " + fields["text"] if "title" in fields else fields["text"]).encode()]


def texts_of(path):
    if ".jsonl" in path.name:
        return [text for line in lines_of(path) for text in texts_of_jsonl(line)]
    if path.suffix == ".tsv":
        return [line.split(b"\t")[0] for line in lines_of(path)[1:]]
    return [text for line in lines_of(path) for text in line.split(b"\t")[5:7]]


def set_files(data):
    folders = ["scifact", "medquad"] + [f"xquad/{language}" for language in ("en", "zh", "de", "es", "ar")]
    files = [f"{folder}/{kind}.jsonl" for folder in folders for kind in ("corpus", "queries")]
    files += [f"sst2/{part}.tsv" for part in ("train", "dev", "test")] + [f"stsb/sts-{part}.csv" for part in ("train", "dev", "test")]
    return [(name, data / name) for name in files + ["reddit-titles.jsonl.zst", "reddit-pairs.jsonl.zst"]]


def write_sets(tokenizer, data):
    lines = [title("file, first text, texts, tokens, digest")]
    for name, path in set_files(data):
        texts = texts_of(path)
        for first in range(0, len(texts), CHUNK):
            ids = ids_of(tokenizer, texts[first : first + CHUNK])
            lines.append(f"{name} {first} {len(ids)} {sum(map(len, ids))} {digest(ids)}\n")
    (GOLDEN / "token_set_digests.txt").write_text("".join(lines))


def main():
    model, shared = sys.argv[1:3]
    tokenizer = load(pathlib.Path(model) / "tokenizer.json")
    write_torture(tokenizer)
    write_fuzz(GOLDEN / "token_fuzz_digests.txt", tokenizer)
    write_normalized()
    write_small_tokenizers()
    if shared != "-":
        write_sets(tokenizer, pathlib.Path(shared) / "data")


if __name__ == "__main__":
    main()
