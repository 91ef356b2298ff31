"""`script/deb`: builds the Debian packages.

Writes to build/deb, for each target: the package, and its bill of materials (CycloneDX) beside it. The same sources give the
same bytes. Prints what it made, with SHA-256.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from distribution import package, wheels
from distribution.targets import ALL, Target, named

OUT = wheels.ROOT / "build" / "deb"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/deb", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(target.name for target in ALL)
    parser.add_argument("--target", action="append", metavar="NAME", help=f"only this one; may be given again: {names}")
    parser.add_argument("--version", type=_version, help="another version than that of pyproject.toml")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="instead of build/deb")
    parser.add_argument("--quick", action="store_true", help="do not compress: for tries")
    parser.add_argument(
        "--lock", action="store_true", help="build nothing; write distribution/wheels anew: the newest that is allowed"
    )
    parser.add_argument("--fetch", action="store_true", help="build nothing; only fetch the wheels that the cache lacks")
    arguments = parser.parse_args()
    try:
        targets = [named(name) for name in arguments.target] if arguments.target else list(ALL)
        if arguments.lock:
            made = [*(wheels.lock(target) for target in targets), wheels.lock_reader()]
        elif arguments.fetch:
            fetched = [*(wheels.fetch(target.name, target) for target in targets), wheels.fetch(wheels.READER, None)]
            made = [path for one in fetched for path in one.values()]
        else:
            made = _build(targets, arguments)
    except (KeyError, wheels.CannotFetch, FileNotFoundError) as error:
        print(f"script/deb: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1
    for path in made:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}")
    return 0


def _version(text: str) -> str:
    if re.fullmatch(r"[0-9][A-Za-z0-9.~+]{0,60}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no version; it begins with a digit, and has letters, digits, . ~ and +")
    return text


def _build(targets: list[Target], arguments: argparse.Namespace) -> list[Path]:
    version = arguments.version or str(wheels.project()["version"])
    compression = "none" if arguments.quick else "xz"
    epoch_s = source_date_s()
    made = [package.build(target, arguments.out, version, epoch_s, compression) for target in targets]
    return [*made, package.build_reader(arguments.out, epoch_s, compression)]


def source_date_s() -> int:
    """$SOURCE_DATE_EPOCH, else the date of the last commit, else that of the change log."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(wheels.ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return (
        int(done.stdout)
        if done.returncode == 0 and done.stdout.strip()
        else int((wheels.ROOT / "CHANGELOG.md").stat().st_mtime)
    )


if __name__ == "__main__":
    sys.exit(main())
