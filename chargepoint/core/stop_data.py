"""Stop data: the transactionData of one running transaction (OCPP 1.6 section 4.10; section 9.1, StopTxnSampledData).

Owns which samples are kept, so that the message stays within its bound and still shows the whole course. Refuses to know what
is measured.

Rules.
1. Above STOP_VALUES_MAX values every second sample of each context goes, the first of each stays; from then on only every
   second, fourth and so on of what is taken is kept. So the samples that remain are spread evenly.
2. A restart forgets the rhythm, not the samples: it begins anew with every sample.
"""

from collections import Counter

from chargepoint.core.records import DropStopSamples, PutStopSample, Sample
from chargepoint.core.step import Step
from chargepoint.messages import ReadingContext

STOP_VALUES_MAX = 1_000  # values in one transactionData: about 180 kB on the wire


class StopData:
    def __init__(self, transaction: int, samples: tuple[Sample, ...] = ()) -> None:
        self._transaction = transaction
        self._samples = list(samples)
        self._stride = 1
        self._seen = Counter(_context(sample) for sample in samples)

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(self._samples)

    def add(self, sample: Sample, step: Step) -> None:
        """One more sample, if it is its turn."""
        context = _context(sample)
        place = self._seen[context]
        self._seen[context] += 1
        if place % self._stride:
            return
        self._samples.append(sample)
        step.change(PutStopSample(self._transaction, sample))
        if sum(len(one.values) for one in self._samples) > STOP_VALUES_MAX:
            self._thin(step)

    def _thin(self, step: Step) -> None:
        self._stride *= 2
        places: Counter[ReadingContext | None] = Counter()
        kept = []
        for sample in self._samples:
            context = _context(sample)
            if places[context] % 2 == 0:
                kept.append(sample)
            places[context] += 1
        self._samples = kept
        step.change(DropStopSamples(self._transaction), *(PutStopSample(self._transaction, sample) for sample in kept))


def _context(sample: Sample) -> ReadingContext | None:
    return sample.values[0].context if sample.values else None
