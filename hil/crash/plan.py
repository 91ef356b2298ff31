"""The plan: what happens around each kill, drawn from the seed before anything runs."""

import random
from dataclasses import dataclass
from typing import Literal

from hil.crash.moments import MOMENTS

Disk = Literal["", "small", "full", "quota"]

DISK_FIRST = 6  # kills before the first trouble with the disk
DISK_EVERY = (9, 16)
CUT_CHANCE = 0.2
MISCHIEF_CHANCE = 0.7
DARK_S = (0.02, 0.4)
BIRTHS_SHARE = 20  # of so many kills one


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One life of the station.

    moment: when it is killed. birth: it begins without a database, as on the first day. cut: its log is cut when it is dead.
    mischief: the Central System misbehaves. disk: "small": the disk is a small one and fills up after `after_s`; "full": it is
    full from the start and gets room again; "quota": files may not grow any more. dark_s: how long the station stays dead.
    """

    moment: str
    birth: bool
    cut: bool
    mischief: bool
    disk: Disk
    after_s: float
    left_bytes: int
    dark_s: float


def cycles(kills: int, seed: int, disks: tuple[Disk, ...]) -> list[Cycle]:
    """disks: the kinds of trouble that can be had here; none: no trouble with the disk."""
    rng = random.Random(f"{seed} plan")
    births = max(1, kills // BIRTHS_SHARE)
    names = list(MOMENTS)
    weights = [MOMENTS[name][0] for name in names]
    troubles = _troubles(births, kills, rng, disks)
    made = []
    for number in range(kills):
        # Every moment once, then by chance: a short run has seen them all.
        turn = number - births
        moment = "boot" if turn < 0 else names[turn] if turn < len(names) else rng.choices(names, weights)[0]
        made.append(
            Cycle(
                moment=moment,
                birth=turn < 0,
                cut=rng.random() < CUT_CHANCE and turn >= 0,
                mischief=rng.random() < MISCHIEF_CHANCE,
                disk=troubles.get(number, ""),
                after_s=rng.uniform(0.1, 1.5),
                left_bytes=rng.choice((0, rng.randrange(1 << 17), rng.randrange(3 << 20))),
                dark_s=rng.uniform(*DARK_S),
            )
        )
    return made


def _troubles(births: int, kills: int, rng: random.Random, disks: tuple[Disk, ...]) -> dict[int, Disk]:
    """A small disk fills up in one life and is full at the start of the next; a quota lasts one or two."""
    found: dict[int, Disk] = {}
    number, turn = births + DISK_FIRST, 0
    while disks and number + 1 < kills:
        if disks[turn % len(disks)] == "small":
            found[number], found[number + 1] = "small", "full"
        else:
            found.update(dict.fromkeys(range(number, number + rng.randint(1, 2)), "quota"))
        number += rng.randint(*DISK_EVERY)
        turn += 1
    return found
