#!/usr/bin/env python3
"""Makes encoder/tokenizer/character_tables.cpp and tests/encoder/golden/character_digests.txt.

Every fact comes from the `tokenizers` package itself, asked about each code point in turn: Hugging Face's normalizers carry
Unicode tables of several (old) versions, which no library of a distribution agrees with. Run by hand where that package is
installed; the two files are committed.
"""

import hashlib
import pathlib
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = 128          # code points a block of the two-stage table
DIGEST_BLOCK = 4096  # code points a line of the digests
HANGUL = range(0xAC00, 0xD7A4)
SURROGATES = range(0xD800, 0xE000)
CODE_POINTS = [c for c in range(0x110000) if c not in SURROGATES]

# The bits of CharacterFlag in encoder/tokenizer/character_tables.h.
CLEANED, WHITESPACE, CHINESE, PUNCTUATION, ACCENT, DECOMPOSES, LOWERS, WORD = (1 << i for i in range(8))


def bert(clean, chinese, strip, lower):
    return normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower)


CLEAN = bert(True, False, False, False)
HANDLE_CHINESE = bert(False, True, False, False)
STRIP = bert(False, False, True, False)
NFD = normalizers.NFD()
LOWER = normalizers.Lowercase()
BERT_WORDS = pre_tokenizers.BertPreTokenizer()


def single_token_tokenizer(**flags):
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "QQ": 1}, unk_token="[UNK]"))
    tokenizer.add_tokens([AddedToken("QQ", normalized=False, **flags)])
    return tokenizer


WORD_TOKENIZER = single_token_tokenizer(single_word=True)
SPACE_TOKENIZER = single_token_tokenizer(lstrip=True)


def is_word(text):
    return 1 not in WORD_TOKENIZER.encode(text + "QQ", add_special_tokens=False).ids


def is_space(text):
    return SPACE_TOKENIZER.encode(text + "QQ", add_special_tokens=False).ids == [1]


def word_count(text):
    return len(BERT_WORDS.pre_tokenize_str("a" + text + "a"))


def goes_before(first, second):
    """True where NFD moves `first`, standing after `second`, before it: 0 < class(first) < class(second)."""
    return NFD.normalize_str("a" + second + first) == "a" + first + second


LAST_CLASS = "\u0345"  # the only character of class 240


def combining_classes():
    """One character for each canonical combining class that NFD knows, in the order of the classes."""
    representatives = {}
    for code_point in CODE_POINTS:
        text = chr(code_point)
        # Python's table is newer than NFD's: a character counts only if NFD moves it before the last class, too.
        if unicodedata.combining(text) and (goes_before(text, LAST_CLASS) or text == LAST_CLASS):
            representatives.setdefault(unicodedata.combining(text), text)
    return [representatives[key] for key in sorted(representatives)]


REPRESENTATIVES = combining_classes()


def combining_rank(text):
    """1 + the position of the character's class among all classes, 0 for starters."""
    if NFD.normalize_str(text) != text:
        return 0  # it decomposes: its parts are asked instead
    if not goes_before(text, REPRESENTATIVES[-1]) and not goes_before(REPRESENTATIVES[0], text):
        return 0
    others = [other for other in REPRESENTATIVES if other != text]
    after = sum(goes_before(other, text) for other in others)
    before = sum(goes_before(text, other) for other in others)
    assert after + before == len(REPRESENTATIVES) - 1, hex(ord(text))
    return after + 1


def record(code_point):
    text = chr(code_point)
    cleaned = CLEAN.normalize_str(text)
    words = word_count(text)
    decomposed = NFD.normalize_str(text)
    flags = 0
    flags |= CLEANED if cleaned == "" else 0
    flags |= WHITESPACE if is_space(text) else 0
    flags |= CHINESE if HANDLE_CHINESE.normalize_str(text) == f" {text} " else 0
    flags |= PUNCTUATION if words == 3 else 0
    flags |= ACCENT if decomposed == text and STRIP.normalize_str(text) == "" else 0
    flags |= DECOMPOSES if decomposed != text else 0
    flags |= LOWERS if LOWER.normalize_str(text) != text else 0
    flags |= WORD if is_word(text) else 0
    # What the C++ side takes for granted.
    assert (words == 2) == bool(flags & WHITESPACE) and words <= 3, hex(code_point)
    assert cleaned in ("", " " if flags & WHITESPACE else text), hex(code_point)
    return flags, combining_rank(text)


def check_compositions(records):
    """The C++ side strips and lowers code point by code point; it may only where these hold."""
    for code_point in CODE_POINTS:
        text = chr(code_point)
        parts = NFD.normalize_str(text)
        kept = "".join(part for part in parts if not records[ord(part)][0] & ACCENT)
        assert STRIP.normalize_str(text) == kept, hex(code_point)
        assert all(NFD.normalize_str(part) == part for part in parts), hex(code_point)
        if code_point in HANGUL:
            index = code_point - HANGUL.start
            jamo = [0x1100 + index // 588, 0x1161 + index % 588 // 28, 0x11A7 + index % 28]
            assert parts == "".join(map(chr, jamo[: 2 if index % 28 == 0 else 3])), hex(code_point)


def literal_rows(values, width=140):
    rows = [""]
    for value in map(str, values):
        if rows[-1] and len(rows[-1]) + len(value) + 1 > width:
            rows.append("")
        rows[-1] += value + ","
    return "\n".join(rows)[:-1]


def mapping_tables(name, mapping):
    """mapping: code point -> list of code points. Keys ascending; entry i maps to pool[ends[i - 1], ends[i])."""
    pool, ends = [], []
    for key in sorted(mapping):
        pool += mapping[key]
        ends.append(len(pool))
    keys = sorted(mapping)
    return "\n".join(
        f"constexpr {kind} {name}{suffix}[] = {{\n{literal_rows(values)}}};"
        for kind, suffix, values in (("char32_t", "Keys", keys), ("std::uint16_t", "Ends", ends), ("char32_t", "Pool", pool))
    ) + f"\nconst CodePointMapping {name}{{{name}Keys, {name}Ends, {name}Pool}};"


def write_tables(records):
    distinct = sorted(set(records.values()))
    assert len(distinct) < 256
    default = records[0xE000]  # surrogates never occur in valid UTF-8
    index_of = [distinct.index(records.get(c, default)) for c in range(0x110000)]
    blocks, stage1 = [], []
    for start in range(0, 0x110000, BLOCK):
        block = tuple(index_of[start : start + BLOCK])
        if block not in blocks:
            blocks.append(block)
        stage1.append(blocks.index(block))
    assert len(blocks) < 65536
    decompositions = {c: list(map(ord, NFD.normalize_str(chr(c)))) for c in CODE_POINTS if records[c][0] & DECOMPOSES and c not in HANGUL}
    lowers = {c: list(map(ord, LOWER.normalize_str(chr(c)))) for c in CODE_POINTS if records[c][0] & LOWERS}
    flat = [value for block in blocks for value in block]
    properties = literal_rows([f"{{{flags},{rank}}}" for flags, rank in distinct])
    text = f"""// Made by scripts/make_character_tables.py from the Python package tokenizers {tokenizers.__version__}; not to be edited.
// clang-format off
#include "encoder/tokenizer/character_tables.h"

namespace orthant {{
namespace {{

{mapping_tables("kDecompositionTable", decompositions)}
{mapping_tables("kLowercaseTable", lowers)}

}}  // namespace

const CharacterRecord kCharacterRecords[{len(distinct)}] = {{
{properties}}};
const std::uint16_t kCharacterBlocks[{len(stage1)}] = {{
{literal_rows(stage1)}}};
const std::uint8_t kCharacterRecordIndexes[{len(flat)}] = {{
{literal_rows(flat)}}};

const CodePointMapping& decomposition_mapping() {{ return kDecompositionTable; }}
const CodePointMapping& lowercase_mapping() {{ return kLowercaseTable; }}

}}  // namespace orthant
"""
    (ROOT / "encoder/tokenizer/character_tables.cpp").write_text(text)


def digest_line(start):
    """Hash over what each code point of the block becomes: four normalizers, the words of 'a<c>a', and whether it is a letter."""
    forms = [bert(True, True, True, True), bert(True, True, False, False), bert(False, False, True, False), bert(False, False, False, True)]
    hashed = hashlib.sha256()
    for code_point in range(start, start + DIGEST_BLOCK):
        if code_point in SURROGATES:
            continue
        text = chr(code_point)
        for form in forms:
            hashed.update(form.normalize_str(text).encode() + b"\n")
        hashed.update(b"%d%d\n" % (word_count(text), is_word(text)))
    return f"{start:06x} {hashed.hexdigest()[:16]}\n"


def main():
    records = {c: record(c) for c in CODE_POINTS}
    check_compositions(records)
    write_tables(records)
    lines = [digest_line(start) for start in range(0, 0x110000, DIGEST_BLOCK)]
    header = f"# Made by scripts/make_character_tables.py, tokenizers {tokenizers.__version__}: first code point, hash of {DIGEST_BLOCK}\n"
    (ROOT / "tests/encoder/golden/character_digests.txt").write_text(header + "".join(lines))


if __name__ == "__main__":
    main()
