"""Lists of pairs: an image and a mask beside each other, named by a pattern, or in a table."""

import csv
import glob
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from deploy.cohort.cases import OutlineCase
from deploy.errors import WrongUsage
from deploy.network.dicom_files import files_below
from model_store.cohort.plan import PairNames

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha")
MASK_WORDS = ("mask", "label", "seg")
PLACEHOLDER = re.compile(r"\{(\w+)\}|\*")
SHOWN = 20
"""Mistakes of a list that are shown; the others are counted."""


def listed_pairs(file: Path) -> list[OutlineCase]:
    """Return the pairs of a CSV with the columns image, mask, patient.

    Optional: case, label, phase, reader, site, scanner, and phases: a name with ``*`` for the files of all phases.

    Raises
    ------
    WrongUsage
        With every line that is wrong, and what.
    """
    try:
        read = [(at, row, _mistakes(file, row)) for at, row in enumerate(_rows(file), start=2)]
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{file}: is not in UTF-8", "save it from the spreadsheet as CSV UTF-8") from error
    wrong = [f"{file}:{at}: {what}" for at, _, mistakes in read for what in mistakes]
    wrong += _duplicates(file, [(at, row.get("case") or row["mask"] or "") for at, row, _ in read])
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise WrongUsage("\n".join([*wrong[:SHOWN], *more]))
    return [_listed(file, row) for _, row, _ in read]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        if missing := [name for name in ("image", "mask", "patient") if name not in (rows.fieldnames or ())]:
            raise WrongUsage(f"{file}: expected the columns image, mask and patient, found no {', '.join(missing)}")
        return list(rows)


def _mistakes(file: Path, row: dict[str, str]) -> Iterator[str]:
    """Return what is wrong in one row."""
    found = [f"{name}: expected a value, found none" for name in ("image", "mask", "patient") if not row[name]]
    paths = [file.parent / row[name] for name in ("image", "mask") if row[name]]
    found += [f"{path} is not a file" for path in paths if not path.is_file()]
    for name in ("label", "phase"):
        text = row.get(name) or ""
        if text and not (text.isdecimal() and int(text) > 0):
            found.append(f"{name}: expected a whole number from 1, found {text!r}")
    if row.get("phases") and not found:
        phases = _files_named(file, row["phases"])
        image, mask = paths
        found += _wrong_phases(phases, image, mask, f"phases: {row['phases']}", has_number=bool(row.get("phase")))
    return iter(found)


def _files_named(file: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern, relative to the list, in order of time."""
    literal = "*".join(map(glob.escape, pattern.split("*")))
    found = (file.parent / name for name in glob.glob(literal, root_dir=file.parent))
    return in_order_of_time(path for path in found if path.is_file())


def in_order_of_time(files: Iterable[Path]) -> list[Path]:
    """Return files in the order of the numbers in their names, 9 before 10."""
    return sorted(files, key=_texts_and_numbers)


def _texts_and_numbers(file: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
    parts = re.split(r"(\d+)", str(file))
    return tuple(parts[::2]), tuple(map(int, parts[1::2]))


def _wrong_phases(phases: Sequence[Path], image: Path, mask: Path, what: str, *, has_number: bool) -> list[str]:
    """Return what is wrong with the files of the phases of an image."""
    if has_number:
        return [f"{what}: expected either phase, of an image that holds several, or phases, of files that hold one"]
    if len(phases) < 2:
        return [f"{what}: expected the files of two phases or more, found {len(phases)}"]
    if [sum(other.samefile(one) for one in phases) for other in (image, mask)] != [1, 0]:
        return [f"{what}: expected the image among these files, and not the mask"]
    texts, numbers = (set(found) for found in zip(*map(_texts_and_numbers, phases), strict=True))
    if len(texts) > 1 or len(numbers) < len(phases):
        return [f"{what}: expected names that differ in a number, which gives their order in time"]
    return []


def _duplicates(file: Path, names: list[tuple[int, str]]) -> list[str]:
    lines: dict[str, list[int]] = defaultdict(list)
    for at, name in names:
        lines[name].append(at)
    return [
        f"{file}:{again}: duplicate of the case in line {at}; add a column case with a unique name for each row"
        for name, (at, *others) in lines.items()
        if name
        for again in others
    ]


def _with_image(phases: Sequence[Path], image: Path) -> tuple[str, ...]:
    """Return the phases as texts, the image as it is written elsewhere."""
    return tuple(str(image if one.samefile(image) else one) for one in phases)


def _listed(file: Path, row: dict[str, str]) -> OutlineCase:
    image = file.parent / row["image"]
    return OutlineCase(
        case=row.get("case") or row["mask"],
        patient=row["patient"],
        images=(str(image),),
        outline=str(file.parent / row["mask"]),
        series_uid=row["image"],
        label=int(row["label"]) if row.get("label") else None,
        phase=int(row["phase"]) if row.get("phase") else None,
        phase_files=_with_image(_files_named(file, row["phases"]), image) if row.get("phases") else (),
        is_pair=True,
        site=row.get("site") or "",
        scanner=row.get("scanner") or "",
        reader=row.get("reader") or "",
    )


def named_pairs(folder: Path, names: PairNames) -> list[OutlineCase]:
    """Return the pairs whose files are named by patterns, such as ``images/{patient}/{patient}_0001.nii.gz``.

    Every mask that matches is a case; the parts of its name that have a name in both patterns find its image.
    ``{patient}`` is the patient, ``{reader}`` who drew it; ``*`` is any part of a name.

    Raises
    ------
    WrongUsage
        No file matches the pattern of masks, or with every mask that has no image, or several.
    """
    files = {path.relative_to(folder).as_posix(): path for path in files_below(folder)}
    masks = {name: found for name in sorted(files) if (found := _expression(names.mask).fullmatch(name))}
    if not masks:
        raise WrongUsage(f"extract.names.mask: no file below {folder} matches {names.mask}")
    others = {name: path for name, path in files.items() if name not in masks}
    cases, wrong = [], []
    for name, found in masks.items():
        wanted = _expression(names.image, found.groupdict())
        images = [other for other in others if wanted.fullmatch(other)]
        if len(images) != 1:
            wrong.append(f"{name}: {len(images)} images match {names.image}")
            continue
        image, parts = files[images[0]], found.groupdict()
        known = parts | (wanted.fullmatch(images[0]) or found).groupdict()
        phases = _phases_named(names.phases, others, known) if names.phases else []
        if names.phases and (mistakes := _wrong_phases(phases, image, files[name], names.phases, has_number=False)):
            wrong += [f"{name}: {mistake}" for mistake in mistakes]
            continue
        cases.append(
            OutlineCase(
                case=name,
                patient=parts["patient"],
                images=(str(image),),
                outline=str(files[name]),
                series_uid=images[0],
                is_pair=True,
                reader=parts.get("reader", ""),
                phase_files=_with_image(phases, image),
            )
        )
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise WrongUsage("\n".join(["extract.names: expected one image for each mask", *wrong[:SHOWN], *more]))
    return cases


def _phases_named(pattern: str, files: Mapping[str, Path], known: dict[str, str]) -> list[Path]:
    """Return the files of the phases of an image, in order of time."""
    wanted = _expression(pattern, known)
    return in_order_of_time(path for name, path in files.items() if wanted.fullmatch(name))


def _expression(pattern: str, known: dict[str, str] | None = None) -> re.Pattern[str]:
    """Return a pattern of names as a regular expression; a placeholder has one value wherever it stands."""
    seen: set[str] = set()
    parts, end = [], 0
    for found in PLACEHOLDER.finditer(pattern):
        parts.append(re.escape(pattern[end : found.start()]))
        name, end = found[1], found.end()
        if name is None:
            parts.append("[^/]*")
        elif known is not None and name in known:
            parts.append(re.escape(known[name]))
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+?)")
            seen.add(name)
    return re.compile("".join([*parts, re.escape(pattern[end:])]))


def pairs_below(folder: Path) -> list[OutlineCase]:
    """Return the images with masks beside them: ``X_image.nrrd`` and ``X_mask.nrrd`` (or label, or seg).

    Files that are called ``image`` and ``mask`` alone take the name of their folder. Several masks of an image,
    ``X_mask_anna.nii.gz`` and ``X_mask_ben.nii.gz``, are several readers. X is the patient.
    """
    named = {path: _without_ending(path) for path in files_below(folder) if _without_ending(path) is not None}
    images = {(path.parent, name): path for path, name in named.items() if name is not None}
    cases = []
    for path, name in sorted(named.items()):
        for stem, reader in _as_mask(name or ""):
            image = images.get((path.parent, f"{stem}image"))
            if image is None:
                continue
            patient = stem.rstrip("_-.") or path.parent.name
            relative = str(path.relative_to(folder))
            cases.append(
                OutlineCase(
                    case=relative,
                    patient=patient,
                    images=(str(image),),
                    outline=str(path),
                    series_uid=str(image.relative_to(folder)),
                    is_pair=True,
                    reader=reader,
                )
            )
    return cases


def _without_ending(path: Path) -> str | None:
    name = path.name.lower()
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), None)
    return None if ending is None else path.name[: -len(ending)]


def _as_mask(name: str) -> Iterator[tuple[str, str]]:
    """Yield the part of the name before a word such as ``mask``, and the reader after it."""
    for word in MASK_WORDS:
        before, found, after = name.rpartition(word)
        if found and (not before or before[-1] in "_-.") and (not after or after[0] in "_-."):
            yield before, after.lstrip("_-.")
            return
