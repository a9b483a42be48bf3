"""The job of huey.sh."""

from huey import RedisHuey
from python_app import URL, done

huey = RedisHuey("bench", url=URL, results=False)


@huey.task()
def bench(payload):
    done(payload)


send = bench
