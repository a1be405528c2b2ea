"""Names of methods: `<family>[/<variant>][:<size>]`, such as `asr/no_fcb:compact`."""

import re
from pathlib import Path

from equigrasp.config import is_config_file
from equigrasp.errors import ConfigError
from equigrasp.paths import config_dir

DEFAULT_METHOD = "asr/equigrasp"  # of everything that names none
DEFAULT_SIZE = "compact"

_OLD_NAME = re.compile(r"(?P<base>[a-z0-9_]+?)(?:_(?P<size>compact|paper|tiny))?")


def known_methods() -> list[str]:
    """Return all families and variants, without sizes."""
    root, found = config_dir() / "methods", []
    for family in sorted(p.name for p in root.iterdir() if p.is_dir()):
        variants = sorted((root / family / "variants").glob("*.yaml"))
        found += [family, *(f"{family}/{p.stem}" for p in variants)]
    return found


def sizes_of(method: str) -> list[str]:
    """Return the sizes of networks that a method is there in."""
    folder = config_dir() / "methods" / method.partition("/")[0]
    return sorted(p.stem for p in folder.glob("*.yaml"))


def full_name(method: str, size: str = "") -> str:
    """Return a method's name with its size; a path to a YAML file stays as it is.

    Args:
        method: A name, perhaps with a size, or a path.
        size: Of the networks; empty: as the name says, or the default's.

    Raises:
        ConfigError: if method or size are unknown, or the name is one of before; it says the new one.
    """
    if is_config_file(method):
        return method
    base, _, own = method.partition(":")
    if base not in known_methods():
        if renamed := _renamed(method):
            new, _, new_size = renamed.partition(":")
            option = f" --size {new_size}" if new_size else ""
            raise ConfigError(
                f"Method '{method}' is called '{renamed}' now: --method {new}{option}, "
                f"and in other places method:={renamed}."
            )
        raise ConfigError(f"Unknown method '{base}'. Known methods: {', '.join(known_methods())}.")
    if own and size and own != size:
        raise ConfigError(f"Method '{method}' names its size, which is not '{size}'. Name one.")
    chosen = own or size or DEFAULT_SIZE
    if chosen not in sizes_of(base):
        raise ConfigError(
            f"Method '{base}' has no size '{chosen}'. Sizes: {', '.join(sizes_of(base))}."
        )
    return f"{base}:{chosen}"


def name_from_file(name: str) -> str:
    """Return today's name of what a run folder or weight file calls its method."""
    return _renamed(name) or name


def layer_files(name: str) -> tuple[Path, Path | None]:
    """Return the files of a full name: its size's, and its variant's if it has one."""
    base, _, size = name.partition(":")
    family, _, variant = base.partition("/")
    folder = config_dir() / "methods" / family
    return folder / f"{size}.yaml", folder / "variants" / f"{variant}.yaml" if variant else None


def _renamed(name: str) -> str:
    """Return the new name for one of before, such as `drq_asr_paper`; empty if it is none."""
    match = _OLD_NAME.fullmatch(name)
    if match is None:
        return ""
    base, size = match["base"], match["size"]
    for family in ("asr", "fcn"):
        base = re.sub(f"^{family}_(.+)$|^(.+)_{family}$", rf"{family}/\1\2", base)
    base = DEFAULT_METHOD if base == "equigrasp" else base
    is_old = base in known_methods() and (size or "/" in base)
    return (f"{base}:{size}" if size else base) if is_old else ""
