"""Quality flags in our five words: the schemes of the formats, and schemes that a file declares itself.

CF Conventions 1.11, section 3.5: `flag_values` lists codes, `flag_masks` bits, `flag_meanings` a word
for each. A code outside the declared ones is of unknown quality, never good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.observations.qualities import BAD, GOOD, PROBABLY_GOOD, QUALITIES, SUSPECT, UNKNOWN, worst

TEXTS = "SUO"  # kinds of arrays of texts; variable strings of NetCDF are objects
BLANK = -1  # code of an empty flag character
LETTERS = 2**16  # code of a letter in `flag_values`, before its number
# What the flags of the formats mean in our five words. A code that is not listed is bad.
ARGO = {  # Argo user's manual, reference table 2; 9 is "missing", blank is padding
    BLANK: UNKNOWN, 0: UNKNOWN, 1: GOOD, 2: PROBABLY_GOOD, 3: SUSPECT, 4: BAD, 5: PROBABLY_GOOD,
    8: PROBABLY_GOOD, 9: BAD,
}  # fmt: skip
GTSPP = ARGO  # GTSPP quality flags: the same words, 5 "changed by a QC centre"
SEADATANET = ARGO | {6: SUSPECT, 7: SUSPECT, 17: SUSPECT}  # vocabulary L20: below, in excess, "A"
FDBK = ARGO  # NEMO: q in 0..9, 1 good, 4 rejected
WOD = {BLANK: UNKNOWN, 0: GOOD}  # WOD manual, table 12: 0 accepted, 1..9 failed a check
WOCE = {  # WOCE Hydrographic Programme, CTD and bottle: 1 not calibrated, 6 interpolated, 7 despiked
    BLANK: UNKNOWN, 0: UNKNOWN, 1: UNKNOWN, 2: GOOD, 3: SUSPECT, 4: BAD, 5: BAD, 6: PROBABLY_GOOD,
    7: PROBABLY_GOOD, 9: BAD,
}  # fmt: skip
# Flags of originators in WOD, by a word of `origflagset` in upper case (WOD user's manual).
ORIGINATORS = {
    "GTSPP": GTSPP, "IGOSS": GTSPP, "QUOTA": GTSPP, "ARGO": ARGO, "SEADATANET": SEADATANET, "WOCE": WOCE,
}  # fmt: skip
GHRSST = {  # GDS 2.0 revision 5, table 9-1: quality_level of a pixel
    0: BAD, 1: BAD, 2: BAD, 3: PROBABLY_GOOD, 4: PROBABLY_GOOD, 5: GOOD,
}  # fmt: skip
MODIS = {0: GOOD, 1: PROBABLY_GOOD, 2: SUSPECT, 3: BAD, 4: BAD}  # NASA OB.DAAC, qual_sst: 0 is best
# What a word denies: "no_error", "open_sea_no_ice", "cloud_free". It counts without it, else as good.
FAULT = (
    r"(?:known_|sea_)?(?:bad|fail\w*|errors?|problems?|wrong|reject\w*|spik\w*|stuck|suspect\w*|suspicious"
    r"|question\w*|doubt\w*|anomal\w*|gradients?|inversions?|clouds?|cloudy|land|lakes?|ice|rain\w*)"
)
DENIED = re.compile(
    rf"(?:^|_)(?:no|not|non|without|free_of)_{FAULT}(?:_(?:or|and|nor)_{FAULT})*(?=_|$)|(?:^|_){FAULT}_?free(?=_|$)"
)
# Words of flag_meanings, the first pattern that is found in one decides.
WORDS: tuple[tuple[str, int], ...] = (
    (r"no_?data|missing|absent|nil_?value|\bfill", BAD),
    (r"prob(ably)?_?good|possibly_?good|potentially_?good", PROBABLY_GOOD),
    (r"prob(ably)?_?bad|potentially_?correctable|correctable|possibly_?bad", SUSPECT),
    (r"unknown|no_?(qc|quality|test|check)|not_?(qc|qualit|evaluat|tested|applied|checked|control|appl)"
     r"|unqualified|unflagged|unchecked|unevaluated", UNKNOWN),
    (r"no_?good|worst|not_?(good|valid|accept|usable|used|pass)|unacceptable|unusable|invalid"
     r"|incorrect", BAD),
    (r"acceptable|despik", PROBABLY_GOOD),
    (r"(^|_)passe[ds]_", GOOD),
    (r"suspect|suspicious|question|doubt|dubious|low_?quality|lower_?quality|poor|marginal|inconsist"
     r"|of_?(high_?)?interest|below_detection|in_excess|uncertain", SUSPECT),
    (r"bad|fail|error|problem|^flagged$|wrong|reject|spike|stuck|frozen|out_?of|_out$|inversion|gradient|anomal"
     r"|cloud|land", BAD),
    (r"chang|modif|correct|interpol|estimat|adjust|nominal|average|harvest", PROBABLY_GOOD),
    (r"good|best|accepted|valid|pass|\bok\b|high_?quality|highest|clear|\bnormal\b|\bocean\b", GOOD),
)  # fmt: skip
LISTED = re.compile(r"(?<![\w.])(\d{1,2})\s*[:=-]?\s*([a-z]+(?:[ _-][a-z]+)*)(?=\s*(?:[,;.)\n]|$|\d))")
ICE = re.compile(r"(^|_)(sea_)?ice(?!_free|free)")
DRY = re.compile(r"(^|_)(land|lake|river|cloud|cloudy|rain|sidelobe)(?!_free)")


@dataclass(frozen=True)
class Declared:
    """Flags as a file declares them.

    Attributes:
        meanings: words, in lower case.
        values: code of each word, or None where bits alone are declared.
        masks: bits of each word, or None.
    """

    meanings: tuple[str, ...]
    values: tuple[int, ...] | None
    masks: tuple[int, ...] | None

    def qualities(self, raw: NDArray) -> NDArray[np.int8]:
        """Quality (0..4) of each flag; a code that is not declared is unknown.

        Bits are independent tests: a set one counts with its word, none set is good. Of several fields
        in one number the worst counts.
        """
        codes = self._codes(raw)
        if self.values is None:
            quality = np.full(raw.shape, GOOD, np.int8)
            for word, mask in zip(self.meanings, self.masks or (), strict=True):
                at = (codes & mask) == mask
                quality[at] = np.maximum(quality[at], quality_of(word))
            return quality
        graded = {mask for word, mask, _ in self._words() if quality_of(word) != UNKNOWN}
        fields = [self._field(codes, mask) for mask in sorted(graded)]
        return worst(*fields) if fields else np.full(raw.shape, UNKNOWN, np.int8)

    def grades(self) -> dict[int, int]:
        """Quality of each code."""
        codes = self.values or self.masks or ()
        return {code: quality_of(word) for word, code in zip(self.meanings, codes, strict=True)}

    def marked(self, raw: NDArray, words: re.Pattern[str]) -> NDArray[np.bool_]:
        """Where a flag has a meaning that a pattern is found in."""
        out = np.zeros(raw.shape, np.bool_)
        codes = self._codes(raw)
        for word, mask, value in self._words():
            if words.search(DENIED.sub("", word.replace("-", "_"))):
                out |= (codes & mask) == value
        return out

    def _field(self, codes: NDArray[np.int64], field: int) -> NDArray[np.int8]:
        """Quality by the words of one mask; a single bit that is not set is good."""
        words = [(word, value) for word, mask, value in self._words() if mask == field]
        quality = np.full(codes.shape, UNKNOWN, np.int8)
        if [value for _, value in words] == [field]:
            quality[(codes & field) == 0] = GOOD
        for word, value in words:
            quality[(codes & field) == value] = quality_of(word)
        return quality

    def _words(self) -> list[tuple[str, int, int]]:
        """Each word with its mask, all bits where there are none, and its code."""
        masks = self.masks or (-1,) * len(self.meanings)
        return list(zip(self.meanings, masks, self.values or masks, strict=True))

    @staticmethod
    def _codes(raw: NDArray) -> NDArray[np.int64]:
        if raw.dtype.kind in TEXTS:
            texts, place = np.unique(np.char.strip(raw.astype(str)), return_inverse=True)
            return np.array([_code(text) for text in texts], np.int64)[place].reshape(raw.shape)
        return np.where(np.abs(raw.astype(float)) < 2**53, raw, -1).astype(np.int64)


def of_scheme(scheme: Mapping[int, int]) -> Declared:
    """A scheme of a format as files declare theirs."""
    codes = tuple(code for code in scheme if code != BLANK)
    return Declared(tuple(QUALITIES[scheme[code]] for code in codes), codes, None)


def described(text: str) -> Declared | None:
    """The scheme that a comment lists ("0: good, 1: bad"), None where it lists none."""
    found = [(int(code), re.sub(r"\s+", "_", word)) for code, word in LISTED.findall(text.lower())]
    known = [word for _, word in found if quality_of(word) != UNKNOWN]
    if len(known) < 2 or len({code for code, _ in found}) < len(found):
        return None
    return Declared(tuple(word for _, word in found), tuple(code for code, _ in found), None)


def declared(attributes: Mapping[str, object]) -> Declared | None:
    """The scheme of a flag variable by its attributes; None where it has none, or a broken one."""
    values, masks = (_integers(attributes.get(name)) for name in ("flag_values", "flag_masks"))
    text = str(attributes.get("flag_meanings", "")).strip().lower()
    meanings, numbers = _meanings(text)
    if numbers is not None and numbers != (values or masks or numbers):
        return None
    if values is None and masks is None:
        values = numbers
    lengths = {len(part) for part in (values, masks) if part is not None}
    if lengths != {len(meanings)}:
        return None
    if (
        values
        and masks
        and any(value & mask != value for value, mask in zip(values, masks, strict=True))
    ):
        masks = None  # values are whole codes, which no mask cuts a part out of
    return Declared(meanings, values, masks)


def _meanings(text: str) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """The words of flag_meanings, and their codes where they stand there too: "1=open sea, 2=land"."""
    parts = [part.strip() for part in re.split(r"[,;]", text) if part.strip()]
    numbered = [re.fullmatch(r"(-?\d{1,18})\s*=\s*(.+)", part) for part in parts]
    found = [match for match in numbered if match is not None]
    if not found or len(found) < len(parts):
        return tuple(re.split(r"[\s,;]+", text)), None
    return tuple(re.sub(r"\s+", "_", match[2]) for match in found), tuple(int(m[1]) for m in found)


def quality_of(word: str) -> int:
    """Quality of a word of flag_meanings; unknown where it says nothing that we can read."""
    form = word.replace("-", "_")
    rest = DENIED.sub("", form)
    forms = (word, form) if rest == form else (rest,)
    found = (quality for pattern, quality in WORDS if any(re.search(pattern, form) for form in forms))
    said = next(found, UNKNOWN)
    return GOOD if rest != form and said == UNKNOWN else said


def qualities(raw: NDArray, scheme: Mapping[int, int]) -> NDArray[np.int8]:
    """Flags to qualities: "1", b"1", 1 and the byte 49 are the same flag; others are bad."""
    texts = raw.dtype.kind in TEXTS
    if texts:
        numbers = _first_code(raw)
    else:
        with np.errstate(invalid="ignore"):
            numbers = np.where(np.abs(raw) < 128, raw, 127).astype(np.int64)
    letters = texts or raw.dtype.itemsize == 1  # characters, or their codes in a byte
    numbers = np.where(letters & (numbers >= 48), numbers - 48, numbers)
    lookup = np.full(129, BAD, np.int8)
    for code, quality in scheme.items():
        lookup[code + 1] = quality
    return lookup[np.clip(numbers, -1, 127) + 1]


def originator_scheme(name: str) -> Mapping[int, int] | None:
    """The scheme that the name of a set of originator flags in WOD stands for, None for other names."""
    words = re.findall(r"[A-Z]+", name.upper())
    return next((ORIGINATORS[word] for word in words if word in ORIGINATORS), None)


def _first_code(raw: NDArray) -> NDArray[np.int64]:
    """Code of each flag character, BLANK where it is empty; longer texts are no flag."""
    if raw.dtype != "S1":
        text = np.char.encode(np.char.strip(raw.astype("U"), " \0"), "utf-8")
        raw = np.where(np.char.str_len(text) > 1, b"\x7f", text).astype("S1")
    codes = np.frombuffer(np.ascontiguousarray(raw).tobytes(), np.uint8).reshape(raw.shape)
    return np.where(np.isin(codes, (0, 32)), BLANK, codes.astype(np.int64))


def _code(text: str) -> int:
    """Number of a flag written as text: its digits, or that of a letter; -1 for others."""
    if text.isdecimal() and len(text) < 19:
        return int(text)
    return LETTERS + ord(text) if len(text) == 1 and text.isalpha() else -1


def _integers(found: object) -> tuple[int, ...] | None:
    if found is None:
        return None
    parts = found.replace(",", " ").split() if isinstance(found, str) else np.atleast_1d(found).tolist()  # type: ignore[call-overload]
    if any(len(str(part)) == 1 and str(part).isalpha() for part in parts):
        return tuple(_code(str(part)) for part in parts)
    try:
        return tuple(int(float(str(part).rstrip("bBsSuU"))) for part in parts)
    except ValueError:
        return None
