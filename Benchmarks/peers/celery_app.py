"""The job of celery.sh."""

from celery import Celery
from python_app import URL, done

app = Celery("bench", broker=URL)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=100, worker_hijack_root_logger=False)


@app.task
def bench(payload):
    done(payload)


send = bench.delay
