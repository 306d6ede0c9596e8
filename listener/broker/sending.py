"""Messages of Celery by task name: whoever sends needs none of the tasks' code."""

from celery import Celery

from listener.broker.messages import TIMEOUT_SECONDS, Announcement


def sending_app(redis_url: str) -> Celery:
    """Return a Celery app that sends, and gives up at once where Redis is away."""
    app = Celery("radtme", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        broker_connection_retry=False,
        broker_connection_max_retries=0,
        broker_transport_options={
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "max_retries": 0,
        },
    )
    return app


def send(app: Celery, announcement: Announcement) -> None:
    """Put one message into its queue.

    Raises
    ------
    OperationalError
        If Redis does not take it.
    """
    app.send_task(announcement.task, args=list(announcement.args), queue=announcement.queue.value, retry=False)
