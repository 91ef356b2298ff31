"""The process that works on certificates: a job on stdin, the result on stdout.

A process of its own, because `cryptography` would cost the station 18 MB for good and is needed a few times a year.
"""

import os
import sys

from chargepoint.core.vault_records import VaultAnswer, failed
from chargepoint.shell.vault.folder import FolderError
from chargepoint.shell.vault.jobs import Result, decode_job, encode


def main() -> int:
    from chargepoint.shell.vault import work

    job = decode_job(sys.stdin.buffer.read())
    os.umask(0o077)
    answer: VaultAnswer | None = None
    if job.request is not None:
        try:
            answer = work.do(job, job.request)
        except FolderError as error:
            answer = failed(job.request, str(error))
        except OSError as error:
            answer = failed(job.request, f"{error.filename or job.places.folder}: {error.strerror or error}")
    sys.stdout.buffer.write(encode(Result(contents=work.contents(job), answer=answer)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
