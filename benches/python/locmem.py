"""Django's memory cache under the load of benches/locmem.rs: entries, length, share of writes, key at hand."""

import random
import sys
from itertools import accumulate

from django.core.cache.backends.locmem import LocMemCache

from timing import serve

entries, length, writes, at_hand = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "1"
cache = LocMemCache("bench", {"KEY_PREFIX": "app", "TIMEOUT": 300, "OPTIONS": {"MAX_ENTRIES": 2 * entries}})
value = bytes(100)
for number in range(entries):
    cache.set(f"user:{number}", value)

chance = random.Random(7)
scattered = list(range(entries))
chance.shuffle(scattered)
sums = list(accumulate(1 / (n + 1) for n in range(entries)))
numbers = chance.choices(scattered, cum_weights=sums, k=length)
written = [chance.random() < writes for _ in numbers]
keys = [f"user:{number}" for number in numbers]
mask = length - 1


def with_key_at_hand(n):
    n &= mask
    if written[n]:
        cache.set(keys[n], value)
    else:
        cache.get(keys[n])


def with_key_from_number(n):
    n &= mask
    key = f"user:{numbers[n]}"
    if written[n]:
        cache.set(key, value)
    else:
        cache.get(key)


serve({"request": with_key_at_hand if at_hand else with_key_from_number})
