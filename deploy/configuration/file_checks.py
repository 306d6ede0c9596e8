"""Checks that the certificates, keys and secrets of a configuration can be used, for ``radtme config check``."""

from collections.abc import Callable, Iterator
from functools import partial

from deploy.configuration.network_checks import client_sections
from deploy.configuration.reader import Problem
from deploy.configuration.redis_url import check_files
from deploy.configuration.settings import Configuration
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import client_context, server_context
from workers.notifications.body import UnusableTemplate, WebhookBody
from workers.targets.http_client import credentials, one_line


def file_problems(configuration: Configuration) -> Iterator[Problem]:
    """Yield one problem for each section whose files cannot be used."""
    for setting, use in _uses(configuration):
        try:
            use()
        except CredentialFileError as error:
            yield Problem(configuration.origin_of(setting), setting, str(error))
    if configuration.workers.webhook is not None:
        try:
            WebhookBody(configuration.workers.webhook)
        except UnusableTemplate as error:
            setting = "webhook.template"
            yield Problem(configuration.origin_of(setting), setting, str(error))


def _uses(configuration: Configuration) -> Iterator[tuple[str, Callable[[], object]]]:
    for setting, server in (("listener.tls", configuration.listener.tls), ("sink.tls", configuration.sink.tls)):
        if server is not None:
            yield setting, partial(server_context, server)
    for setting, client in client_sections(configuration.listener, configuration.workers):
        yield setting, partial(client_context, client)
    for index, target in enumerate(configuration.workers.targets):
        yield f"targets[{index}]", partial(credentials, target)
    webhook = configuration.workers.webhook
    if webhook is not None and webhook.secret_file is not None:
        yield "webhook.secret_file", partial(one_line, webhook.secret_file)
    yield "redis", partial(check_files, configuration.redis)
