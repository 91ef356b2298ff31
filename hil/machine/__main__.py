"""Makes the root that the tests' machines start on, where this host can have one.

python -m hil.machine     prints where it is; exit status 4 and words where there can be none
"""

import sys

from hil.machine.roots import Unavailable, root

UNAVAILABLE = 4


def main() -> int:
    try:
        print(root())
    except Unavailable as error:
        print(f"no machine under systemd here: {error}", file=sys.stderr)
        return UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
