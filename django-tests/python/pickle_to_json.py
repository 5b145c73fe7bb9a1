import pickle

from django_redis.serializers.json import JSONSerializer


class PickleToJSON(JSONSerializer):
    def loads(self, value):
        return pickle.loads(value) if value[:1] == b"\x80" else super().loads(value)
