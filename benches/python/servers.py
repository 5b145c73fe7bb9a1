"""Django's caches on servers: `servers.py memcached HOST:PORT` or `servers.py redis URL`."""

import sys

from django.conf import settings
from timing import serve

BACKENDS = {
    "memcached": "django.core.cache.backends.memcached.PyMemcacheCache",
    "redis": "django.core.cache.backends.redis.RedisCache",
}

kind, location = sys.argv[1:]
settings.configure(CACHES={"default": {"BACKEND": BACKENDS[kind], "LOCATION": location, "KEY_PREFIX": "django"}})

from django.core.cache import cache

VALUE = "v" * 100
NAMES = [f"user:{n:04}" for n in range(100)]
ENTRIES = {name: VALUE for name in NAMES}

assert cache.set_many(ENTRIES, 60) == []
assert cache.get(NAMES[7]) == VALUE
assert cache.get_many(NAMES) == ENTRIES

serve(
    {
        "get": lambda n: cache.get(NAMES[n % 100]),
        "set": lambda n: cache.set(NAMES[n % 100], VALUE, 60),
        "get_many": lambda n: cache.get_many(NAMES),
        "set_many": lambda n: cache.set_many(ENTRIES, 60),
    }
)
