#!/usr/bin/env python3
"""Makes small tokenizers of every kind, and the ids and pairs that Hugging Face's `tokenizers` makes with them, in
tests/encoder/golden/.

    make_golden_tokenizers.py SHARED_DIR [--train] [--sets]

SHARED_DIR holds data/ (the vocabularies are trained on data/xquad, which may be shipped). Without --train the tokenizers that are
there are kept and only the ids are made again: training needs the packages `sentencepiece` and `protobuf`, too, and gives other
vocabularies with other versions. Run by hand; the results are committed. Forms of the files: tests/encoder/golden/README.md.
"""

import base64
import json
import pathlib
import sys
import tempfile

import make_golden_tokens as golden
from tokenizers import Regex, Tokenizer, __version__, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = golden.GOLDEN / "tokenizers"
SET_CHUNK = 20000  # texts a line of the digests of sets


def title(what):
    return f"# Made by scripts/make_golden_tokenizers.py, tokenizers {__version__}: {what}\n"


# ---- trained vocabularies ----

GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = GPT4.replace("{1,3}", "")
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BLOCK = "\u2581"
ROBERTA_TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


def training_texts(shared):
    files = [path for language in ("en", "zh", "de", "es", "ar") for path in sorted((shared / "data/xquad" / language).glob("*.jsonl"))]
    return [text.decode() for path in files for text in golden.texts_of(path)]


def split_by(expression):
    cut = pre_tokenizers.Split(Regex(expression), "isolated")
    return pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train_byte_level(texts, pre_tokenizer, special, vocab_size, normalizer=None, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def roberta(texts):
    tokenizer = train_byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), ROBERTA_TOKENS, 2000)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return added(tokenizer, [("<mask>", {"lstrip": True, "special": True})])


def roberta_prefixed(texts):
    """Of English alone, with a blank before each text."""
    tokenizer = train_byte_level(texts[:1430], pre_tokenizers.ByteLevel(add_prefix_space=True), ROBERTA_TOKENS, 1200)
    special = [("<s>", 0), ("</s>", 2)]
    template = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=special)
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), template])
    return added(tokenizer, [("<mask>", {"lstrip": True, "rstrip": True, "special": True}), ("Norman", {"normalized": True, "single_word": True})])


def qwen(texts):
    tokenizer = train_byte_level(texts, split_by(QWEN2), [], 2000, normalizers.NFC())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return added(tokenizer, [("<|endoftext|>", {"special": True}), ("<think>", {})])


def llama3(texts):
    """Words that are tokens are not merged: some tokens could not be made by merges."""
    described = json.loads(train_byte_level(texts, split_by(GPT4), [], 1500).to_str())
    described["model"]["ignore_merges"] = True
    for word in ("Bronze", "\u0120Super", "...", "\u0120123"):
        described["model"]["vocab"].setdefault(word, len(described["model"]["vocab"]))
    return described


def llama2(texts):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(BLOCK), normalizers.Replace(" ", BLOCK)])
    trainer = trainers.BpeTrainer(vocab_size=2200, special_tokens=["<unk>", "<s>", "</s>"] + BYTE_TOKENS, limit_alphabet=600, max_token_length=12, show_progress=False)
    # Trained on words: whole texts would take long, and their merges would cross blanks.
    tokenizer.train_from_iterator((word for text in texts for word in text.split(" ")), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if not token["content"].startswith("<0x")]
    return described


def clip(texts):
    """Words end in "</w>"."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(CLIP), "removed", invert=True)
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>", limit_alphabet=120, show_progress=False)
    tokenizer.train_from_iterator(texts[:1430], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), add_prefix_space=False, trim_offsets=False)
    return tokenizer


def subwords(texts):
    """All but the first piece of a word begin with "##", as merges and not as WordPiece."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=["[UNK]"], continuing_subword_prefix="##", limit_alphabet=150, show_progress=False)
    tokenizer.train_from_iterator(texts[:1430], trainer)
    return tokenizer


def sentencepiece_unigram(texts, vocab_size, **options):
    """[(piece, score)] and the charsmap of a model that SentencePiece trained."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder) / "lines.txt"
        lines.write_text("\n".join(line for text in texts for line in text.split("\n")))
        sentencepiece.SentencePieceTrainer.train(input=str(lines), model_prefix=folder + "/m", vocab_size=vocab_size, model_type="unigram", minloglevel=2, max_sentence_length=20000, **options)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(pathlib.Path(folder + "/m.model").read_bytes())
    return [(piece.piece, piece.score) for piece in proto.pieces], proto.normalizer_spec.precompiled_charsmap


def xlm_roberta(texts):
    pieces, charsmap = sentencepiece_unigram(texts, 2500, normalization_rule_name="nmt_nfkc", character_coverage=0.995)
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocab, 3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return added(tokenizer, [(name, {"special": True}) for name in ROBERTA_TOKENS] + [("<mask>", {"lstrip": True, "special": True})])


def t5(texts):
    """A newer Metaspace, bytes for what is unknown, and SentencePiece's normalization in steps."""
    pieces, _ = sentencepiece_unigram(texts, 1500, byte_fallback=True, character_coverage=0.98)
    tokenizer = Tokenizer(models.Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:], 2, byte_fallback=True))
    steps = [normalizers.Nmt(), normalizers.NFKC(), normalizers.Strip(left=False), normalizers.Replace(Regex(r"\s{2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return added(tokenizer, [(name, {"special": True}) for name in ("<pad>", "</s>", "<unk>")] + [("<extra_id_0>", {"special": True, "rstrip": True, "lstrip": True})])


def unsplit(texts):
    """Pieces across blanks: the whole text is one word."""
    pieces, _ = sentencepiece_unigram(texts[:1430], 800, split_by_whitespace=False, normalization_rule_name="identity", character_coverage=0.99)
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("\u00e9\u00e9", -90.0), ("<0x41>", -3.0)] + pieces[3:], 0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    return tokenizer


def words(texts):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=1500, special_tokens=["[PAD]", "[UNK]"], show_progress=False))
    return tokenizer


def wordpiece_nfkc(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase()])
    cut = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits()]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cut)
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=1500, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], limit_alphabet=400, show_progress=False))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def added(tokenizer, tokens):
    from tokenizers import AddedToken

    for content, flags in tokens:
        flags = {"normalized": False} | flags
        special = flags.pop("special", False)
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([AddedToken(content, special=special, **flags)])
    return tokenizer


TRAINED = [roberta, roberta_prefixed, qwen, llama3, llama2, clip, subwords, xlm_roberta, t5, unsplit, words, wordpiece_nfkc]

SETS_OF = [roberta, qwen, llama2, xlm_roberta]  # they see all texts of the sets, which takes minutes for each

# ---- single steps, over a vocabulary that shows where words begin ----

STEP_CHARACTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,!?'-_<>/\n\t") + [BLOCK, "\u00e9", "\u0301", "\u4e2d", "\u0661", "\u00bd", "\u0120", "\u010a", "\u00c3", "\u00a9"]
A_OR_B = {"Regex": "[ab]+"}
STEPS = {
    "byte_level_mapped": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "byte_level_first": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}, {"type": "Digits", "individual_digits": False}]},
    "characters_of_delimiter": {"type": "CharDelimiterSplit", "delimiter": "-"},
    "digits": {"type": "Digits", "individual_digits": True},
    "digits_together": {"type": "Digits", "individual_digits": False},
    "fixed_length": {"type": "FixedLength", "length": 3},
    "gpt4": {"type": "Split", "pattern": {"Regex": GPT4}, "behavior": "Removed", "invert": True},
    "metaspace_first": {"type": "Metaspace", "replacement": BLOCK, "prepend_scheme": "first", "split": True},
    "metaspace_never": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "never", "split": True},
    "metaspace_old": {"type": "Metaspace", "replacement": BLOCK, "add_prefix_space": True},
    "metaspace_whole": {"type": "Metaspace", "replacement": BLOCK, "prepend_scheme": "always", "split": False},
    "punctuation": {"type": "Punctuation"},
    "punctuation_before": {"type": "Punctuation", "behavior": "MergedWithNext"},
    "split_empty": {"type": "Split", "pattern": {"Regex": "x*"}, "behavior": "MergedWithPrevious", "invert": False},
    "split_isolated": {"type": "Split", "pattern": A_OR_B, "behavior": "Isolated", "invert": False},
    "split_removed": {"type": "Split", "pattern": {"String": "the"}, "behavior": "Removed", "invert": False},
    "split_previous": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
    "split_previous_inverted": {"type": "Split", "pattern": {"Regex": "[ab]"}, "behavior": "MergedWithPrevious", "invert": True},
    "split_next": {"type": "Split", "pattern": {"Regex": "[ab]"}, "behavior": "MergedWithNext", "invert": False},
    "split_next_inverted": {"type": "Split", "pattern": {"Regex": "[ab]"}, "behavior": "MergedWithNext", "invert": True},
    "split_contiguous": {"type": "Split", "pattern": {"Regex": "[ab]"}, "behavior": "Contiguous", "invert": False},
    "split_look_around": {"type": "Split", "pattern": {"Regex": r"(?<=[a-z])(?=[A-Z])|\p{Lu}(?!\p{L})|(?i:foo)"}, "behavior": "Isolated", "invert": False},
    "whitespace": {"type": "Whitespace"},
    "words_then_metaspace": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": BLOCK, "prepend_scheme": "first", "split": True}]},
}
NORMALIZERS = {
    "nfd_then_strip": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": False}],
    "replaced": [{"type": "Replace", "pattern": {"Regex": "(?i)a+b?"}, "content": "$1"}, {"type": "Replace", "pattern": {"String": "th"}, "content": ""}, {"type": "Lowercase"}],
    "byte_level_normalized": [{"type": "ByteLevel"}, {"type": "Prepend", "prepend": "_"}],
}
FIRST = STEPS["metaspace_first"]
STEP_TEXTS = [
    "", "a", " ", "  ", "ab cd", " ab  cd ", "foo bar Foo fooBar FOO", "don't DON'T we'll WE'LL it'\u017f", "a-b--c-", "-", "--a", "--the-final--countdown-", "12 345 6789 a1b22c", "\u0661\u0662\u00bd\u00b2\u4e00\u2167", "x", "xx", "axxb", "abab", "cabbac bca",
    "the theory of the", "\u00e9\u00e9 e\u0301\u0301", "a\u4e2d\u6587b", "line\nline\r\n\r\n  line\n ", "tab\tand  space\u00a0\u3000end", "!?. a.b, c!", "...!!", f"{BLOCK}a{BLOCK}{BLOCK}b c{BLOCK}", f"a {BLOCK}", "_a__b_", "Hello, World! 3.14", "aB aBC ABc A B",
    "\n\n\n", "   a", "a   ", "\u200b\u200b", "\u0301a", "\x00a\x01", "  \U0001f600  ", "AaAb aab AAB", "<a> <ab>", "x<a>x <a>", "<a><a> ab<a> ab", "a\u0300\u0316b \u1e9b\u0323 \uac01\u11a8 \u1100\u1161\u11a8",
]  # fmt: skip


def step_tokenizer(normalizer, pre_tokenizer):
    vocab = {"[UNK]": 0}
    for character in STEP_CHARACTERS:
        vocab[character] = len(vocab)
        vocab["##" + character] = len(vocab)
    model = {"type": "BPE", "dropout": None, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []}
    token = {"id": len(vocab), "content": "<a>", "single_word": False, "lstrip": False, "rstrip": True, "normalized": False, "special": False}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [token], "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": None, "decoder": None, "model": model}


# ---- writing ----


def write_tokenizer(name, tokenizer):
    described = tokenizer if isinstance(tokenizer, dict) else json.loads(tokenizer.to_str())
    (FOLDER / name).mkdir(parents=True, exist_ok=True)
    (FOLDER / name / "tokenizer.json").write_text(json.dumps(described, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_ids(name, cases):
    folder = FOLDER / name
    tokenizer = golden.load(folder / "tokenizer.json")
    golden.write_ids(folder / "token_ids.tsv", "text, ids", tokenizer, cases, title)
    golden.write_fuzz(folder / "fuzz_digests.txt", tokenizer, title)
    return tokenizer


def write_sets(name, tokenizer, shared):
    lines = [title("file, first text, texts, tokens, digest")]
    for file, path in golden.set_files(shared / "data"):
        texts = golden.texts_of(path)
        for first in range(0, len(texts), SET_CHUNK):
            ids = golden.ids_of(tokenizer, texts[first : first + SET_CHUNK])
            lines.append(f"{file} {first} {len(ids)} {sum(map(len, ids))} {golden.digest(ids)}\n")
    (FOLDER / name / "set_digests.txt").write_text("".join(lines))


# ---- pairs: each kind of template, cut to each length ----

# A template, Bert's, RoBERTa's and no post-processor; then as models have them.
PAIR_TOKENIZERS = ["cased", "strip_only", "lower_only", "no_normalizer", "roberta", "roberta_prefixed", "xlm_roberta", "llama2", "qwen"]
PAIR_WORDS = [(0, 0), (1, 0), (0, 3), (2, 2), (4, 4), (9, 2), (2, 9), (5, 8), (8, 5), (12, 12)]
PAIR_LENGTHS = [0, 5, 6, 7, 8, 9, 12, 15, 16, 30]


def write_pairs():
    lines = [title("tokenizer, words of the first text, of the second, max_length (0: none), ids, type ids")]
    for name in PAIR_TOKENIZERS:
        tokenizer = golden.load(FOLDER / name / "tokenizer.json")
        for limit in PAIR_LENGTHS:
            tokenizer.no_truncation() if limit == 0 else tokenizer.enable_truncation(limit, strategy="longest_first")
            for first, second in PAIR_WORDS:
                encoding = tokenizer.encode(" ".join(["foo"] * first), " ".join(["bar"] * second))
                ids, types = (" ".join(map(str, values)) for values in (encoding.ids, encoding.type_ids))
                lines.append(f"{name}\t{first}\t{second}\t{limit}\t{ids}\t{types}\n")
    (golden.GOLDEN / "token_pairs.tsv").write_text("".join(lines))


def main():
    shared = pathlib.Path(sys.argv[1])
    if "--train" in sys.argv:
        texts = training_texts(shared)
        for train in TRAINED:
            write_tokenizer(train.__name__, train(texts))
    for name, step in STEPS.items():
        write_tokenizer(f"step_{name}", step_tokenizer(None, step))
    for name, steps in NORMALIZERS.items():
        write_tokenizer(f"step_{name}", step_tokenizer({"type": "Sequence", "normalizers": steps}, FIRST))
    for name in [*STEPS, *NORMALIZERS]:
        write_ids(f"step_{name}", [[(1, text.encode())] for text in STEP_TEXTS])
    cases = [[(1, text.encode())] for text in golden.TORTURE + STEP_TEXTS] + [[(1, text)] for text in golden.BROKEN] + golden.LONG
    for train in TRAINED:
        tokenizer = write_ids(train.__name__, cases)
        if "--sets" in sys.argv and train in SETS_OF:
            write_sets(train.__name__, tokenizer, shared)
    write_pairs()


if __name__ == "__main__":
    main()
