"""Checks the settings of the webhook: no secret is sent unencrypted, and the URL can be used."""

from collections.abc import Callable
from urllib.parse import urlsplit

from listener.settings import is_loopback
from workers.settings import WebhookSettings


def host_of(webhook: WebhookSettings) -> str:
    """Return the host that receives the notifications."""
    return urlsplit(webhook.url).hostname or ""


def check_webhook(webhook: WebhookSettings, report: Callable[[str, str], None]) -> None:
    """Report a URL that cannot be used, and a secret that would be sent unencrypted."""
    if not webhook.url:
        given = [name for name in ("tls", "secret_file", "template") if getattr(webhook, name) is not None]
        if given:
            report(f"webhook.{given[0]}", "there is no webhook.url, so no notification is sent")
        return
    parts = urlsplit(webhook.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        report("webhook.url", "expected https://host/path, without ? and #")
        return
    if parts.username or parts.password:
        report("webhook.url", "holds a user or password; put what is secret into webhook.secret_file")
    if parts.scheme == "https" and webhook.tls is None:
        report("webhook.url", "https needs webhook.tls: {ca: FILE}, with whose certificates are accepted")
    if parts.scheme == "http" and webhook.tls is not None:
        report("webhook.tls", "is given with an http url; write https")
    if parts.scheme == "http" and webhook.secret_file is not None and not is_loopback(parts.hostname):
        report("webhook.secret_file", "the secret would go over the network in the clear; use https")
