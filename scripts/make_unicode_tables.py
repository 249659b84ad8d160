#!/usr/bin/env python3
"""Makes encoder/tokenizer/unicode_data.h and tests/encoder/golden/unicode_digests.txt.

Every fact comes from the `tokenizers` package itself, asked about each code point in turn: its regular expressions, its
normalization forms and its grapheme clusters each know another version of Unicode. Run by hand where that package is
installed; the two files are committed.
"""

import hashlib
import pathlib
import struct

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIGEST_BLOCK = 4096
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
EVERYTHING = "".join(map(chr, CODE_POINTS))
HANGUL = range(0xAC00, 0xD7A4)
NFC, NFD, NFKC, NFKD = normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD()

# In the order of GeneralCategory in encoder/tokenizer/unicode_tables.h.
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
WHITESPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def matching(pattern):
    """The characters that a regular expression of one character matches."""
    rest = set(normalizers.Replace(Regex(pattern), "").normalize_str(EVERYTHING))
    return {c for c in EVERYTHING if c not in rest}


def numerals():
    """What the Digits pre-tokenizer takes for a digit."""
    pieces = pre_tokenizers.Digits(individual_digits=True)
    return [int(not 0xD800 <= c < 0xE000 and len(pieces.pre_tokenize_str(f"a{chr(c)}a")) == 3) for c in range(0x110000)]


def categories():
    """The general category of each code point, as regular expressions see it."""
    values = [0] * 0x110000
    for number, category in enumerate(CATEGORIES):
        for character in matching(r"\p{%s}" % category):
            assert values[ord(character)] == 0, hex(ord(character))
            values[ord(character)] = number
    for major in "LMNPSZ":
        members = {CATEGORIES.index(category) for category in CATEGORIES if category[0] == major}
        assert matching(r"\p{%s}" % major) == {c for c in EVERYTHING if values[ord(c)] in members}, major
    assert matching(r"\s") == set(WHITESPACE)
    return values


# ---- grapheme clusters, seen through a Precompiled normalizer: it takes a short cluster as one, and of its map's matches the
# ---- first; so "ax" becomes "X" where x joins a, and "Xx" where it does not


def charsmap(mapping):
    """A SentencePiece charsmap: the double array's bytes, the array, the texts. mapping: {text: text}."""
    units = {0: 0}
    blocks = 0
    pool = b""

    def place(position, items):
        nonlocal blocks, pool
        blocks += 1
        base = 256 * blocks
        units[position] |= (position ^ base) << 10
        for label in sorted({key[0] for key, _ in items if key}):
            units[base ^ label] = label
            place(base ^ label, [(key[1:], value) for key, value in items if key[:1] == bytes([label])])
        for value in [value for key, value in items if not key]:
            units[position] |= 1 << 8
            units[base] = 1 << 31 | len(pool)
            pool += value + b"\0"

    place(0, [(key.encode(), value.encode()) for key, value in mapping.items()])
    # A unit that stands for nothing has a label that no text has.
    array = b"".join(struct.pack("<I", units.get(i, 1)) for i in range(256 * (blocks + 1)))
    return struct.pack("<I", len(array)) + array + pool


def precompiled(mapping):
    return normalizers.Precompiled(charsmap(mapping))


JOINS, EXTENDS, LINKS_OVER, LINKER, CONSONANT, PICTOGRAPHIC, CONTROL, PREPENDS = (1 << i for i in range(8))
ACUTE, COPYRIGHT, ZWJ, KA, VIRAMA = "\u0301", "\u00a9", "\u200d", "\u0915", "\u094d"


def graphemes():
    values = [0] * 0x110000
    of_a, of_copyright, of_ka = precompiled({"a": "X"}), precompiled({COPYRIGHT: "X"}), precompiled({KA: "X"})
    for start in range(0, 0x110000, 64):
        block = [c for c in range(start, start + 64) if c and not 0xD800 <= c < 0xE000]
        of_block = precompiled({chr(c): "X" for c in block})
        for code_point in block:
            c = chr(code_point)
            flags = JOINS if c != "a" and of_a.normalize_str("a" + c) == "X" else 0
            short = len(c.encode()) <= 3
            if short and not flags and of_block.normalize_str(c + ACUTE) != "X":
                flags |= CONTROL
            if not flags and c != "a" and of_block.normalize_str(c + "a") == "X":
                flags |= PREPENDS
            if not flags and of_copyright.normalize_str(COPYRIGHT + ZWJ + c) == "X" + ZWJ + c:
                flags |= PICTOGRAPHIC
            if short and not flags and of_block.normalize_str(KA + VIRAMA + c + ACUTE).endswith("X" + ACUTE):
                flags |= CONSONANT
            if flags & JOINS and of_copyright.normalize_str(COPYRIGHT + c + ZWJ + COPYRIGHT + ACUTE).endswith(ACUTE):
                flags |= EXTENDS
            if flags & JOINS and of_ka.normalize_str(KA + c + KA + ACUTE).endswith(ACUTE):
                flags |= LINKER
            if flags & JOINS and of_ka.normalize_str(KA + VIRAMA + c + KA + ACUTE).endswith(ACUTE):
                flags |= LINKS_OVER
            values[code_point] = flags
    values[0] = CONTROL  # a charsmap cannot hold it
    # Jamo and syllables join by their kinds, which the C++ side knows by range.
    for code_point in [*range(0x1100, 0x1200), *range(0xA960, 0xA97D), *HANGUL, *range(0xD7B0, 0xD7FC)]:
        assert values[code_point] == 0, hex(code_point)
    return values


# ---- normalization forms ----


def compatibility_mappings():
    """Of each character that NFKD takes apart in another way than NFD."""
    return {c: NFKD.normalize_str(chr(c)) for c in CODE_POINTS if NFKD.normalize_str(chr(c)) != NFD.normalize_str(chr(c))}


def combining_marks():
    """What StripAccents drops."""
    step = normalizers.StripAccents()
    return [int(not 0xD800 <= c < 0xE000 and step.normalize_str(chr(c)) == "") for c in range(0x110000)]


def compositions():
    """(first, second, composed) of each pair that NFC puts together, without the Hangul syllables."""
    found = []
    for code_point in CODE_POINTS:
        text = chr(code_point)
        parts = NFD.normalize_str(text)
        if code_point in HANGUL or len(parts) < 2 or NFC.normalize_str(parts) != text:
            continue
        first = NFC.normalize_str(parts[:-1])
        assert len(first) == 1 and NFC.normalize_str(first + parts[-1]) == text, hex(code_point)
        found.append((ord(first), ord(parts[-1]), code_point))
    return found


# ---- the file ----


class Packer:
    """Whole numbers as digits to the base 28, low ones first: '#' to '>' end a number, '?' to 'Z' go on."""

    def __init__(self):
        self.text = ""

    def put(self, number):
        while number >= 28:
            self.text += chr(ord("#") + 28 + number % 28)
            number //= 28
        self.text += chr(ord("#") + number)

    def put_signed(self, number):
        self.put(2 * number if number >= 0 else -2 * number - 1)


def packed_runs(values):
    packer = Packer()
    begin = 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i] != values[begin]:
            packer.put(i - begin)
            packer.put(values[begin])
            begin = i
    return packer.text


def packed_mappings(mappings):
    packer, last = Packer(), 0
    for key in sorted(mappings):
        packer.put(key - last)
        packer.put(len(mappings[key]))
        before = key
        for part in map(ord, mappings[key]):
            packer.put_signed(part - before)
            before = part
        last = key
    return packer.text


def packed_compositions(triples):
    packer, last = Packer(), 0
    for first, second, composed in sorted(triples, key=lambda triple: triple[2]):
        packer.put(composed - last)
        packer.put_signed(first - composed)
        packer.put(second)
        last = composed
    return packer.text


def literal(name, text):
    rows = "\n".join(f'    "{text[i : i + 140]}"' for i in range(0, len(text), 140))
    return f"constexpr std::string_view {name} =\n{rows};\n"


def write_tables():
    without_hangul = {c: parts for c, parts in compatibility_mappings().items() if c not in HANGUL}
    parts = [
        ("kPackedCategories", packed_runs(categories())),
        ("kPackedNumerals", packed_runs(numerals())),
        ("kPackedGraphemes", packed_runs(graphemes())),
        ("kPackedCombiningMarks", packed_runs(combining_marks())),
        ("kPackedCompatibility", packed_mappings(without_hangul)),
        ("kPackedCompositions", packed_compositions(compositions())),
    ]
    text = f"""#pragma once
// Made by scripts/make_unicode_tables.py from the Python package tokenizers {tokenizers.__version__}; not to be edited. Its packing is
// told there, its meaning in unicode_tables.h.
// clang-format off

#include <string_view>

namespace orthant {{

{chr(10).join(literal(name, packed) for name, packed in parts)}
}}  // namespace orthant
"""
    (ROOT / "encoder/tokenizer/unicode_data.h").write_text(text)


# ---- digests over all code points, for the test ----

def digest_line(start):
    """Hash over what each code point of the block becomes, in six forms, and over what GPT-2's pattern cuts."""
    forms = [NFC, NFD, NFKC, NFKD, normalizers.Nmt(), normalizers.StripAccents()]
    hashed = hashlib.sha256()
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Digits(individual_digits=False)
    words = pre_tokenizers.Whitespace()
    for code_point in range(start, start + DIGEST_BLOCK):
        if 0xD800 <= code_point < 0xE000:
            continue
        text = chr(code_point)
        for form in forms:
            hashed.update(form.normalize_str(text).encode() + b"\n")
        counts = [len(step.pre_tokenize_str(around)) for step in (gpt2, digits, words) for around in (f"a{text}a", f"1{text}1", f".{text}.")]
        hashed.update(" ".join(map(str, counts)).encode() + b"\n")
    return f"{start:06x} {hashed.hexdigest()[:16]}\n"


def main():
    write_tables()
    lines = [digest_line(start) for start in range(0, 0x110000, DIGEST_BLOCK)]
    header = f"# Made by scripts/make_unicode_tables.py, tokenizers {tokenizers.__version__}: first code point, hash of {DIGEST_BLOCK}\n"
    (ROOT / "tests/encoder/golden/unicode_digests.txt").write_text(header + "".join(lines))


if __name__ == "__main__":
    main()
