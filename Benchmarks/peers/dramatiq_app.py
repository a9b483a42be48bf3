"""The job of dramatiq.sh."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from python_app import URL, done

dramatiq.set_broker(RedisBroker(url=URL))


@dramatiq.actor(max_retries=0)
def bench(payload):
    done(payload)


send = bench.send
