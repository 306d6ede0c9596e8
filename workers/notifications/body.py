"""The body that a webhook gets: all fields as JSON, or what a site's own template makes of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workers.settings import CaseOutcome, WebhookSettings

MAX_BODY_BYTES = 64 * 1024


class UnusableTemplate(ValueError):
    """A template cannot be read, or makes no JSON of an outcome; says why."""


class WebhookBody:
    """Makes bodies. The template is read once."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Raise `UnusableTemplate` if it makes no JSON of some outcome."""
        self._template = None if settings.template is None else _read(settings)
        for sample in samples(settings):
            self.of(sample)

    def of(self, event: Mapping[str, Any]) -> bytes:
        """Return the body that tells of an event.

        Raises
        ------
        UnusableTemplate
            If the template makes no JSON of it.
        """
        if self._template is None:
            return json.dumps(event, sort_keys=True).encode()
        try:
            body = self._template.render(event).encode()
            json.loads(body)
        except TemplateError as error:
            raise UnusableTemplate(f"it fails for outcome {event['outcome']}: {error}") from error
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise UnusableTemplate(f"for outcome {event['outcome']} it makes no JSON: {error}") from error
        if len(body) > MAX_BODY_BYTES:
            raise UnusableTemplate(f"it makes {len(body)} bytes, more than {MAX_BODY_BYTES}")
        return body


def samples(settings: WebhookSettings) -> Iterator[dict[str, Any]]:
    """Yield an event of each outcome, with and without what may be absent: what a template has to cope with."""
    at = "2026-01-01T00:00:00.000+00:00"
    for outcome in CaseOutcome:
        full = {
            "event_id": "0" * 32,
            "outcome": outcome.value,
            "reason": "time_limit",
            "at": at,
            "job_id": "0123456789abcdef-v1",
            "version": 1,
            "replaces": "0123456789abcdef-v1",
            "signature_id": "signature",
            "signature_version": "1.0.0",
            "created": at,
            "readied": at,
            "finished": at,
            "self_test": False,
        }
        if settings.include_uids:
            full |= {"study_uid": "1.2.3", "seg_sop_instance_uid": "1.2.3.4"}
        yield full
        absent = ("reason", "replaces", "signature_id", "signature_version", "finished")
        yield full | dict.fromkeys(absent, None) | {"self_test": True}


def _read(settings: WebhookSettings) -> Template:
    # Sandboxed: a template is text of the site's, and no way to run code of its author's as our user.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    assert settings.template is not None  # noqa: S101 - the caller looked
    try:
        text = settings.template.read_text(encoding="utf-8")
        asked = find_undeclared_variables(environment.parse(text))
        if unknown := sorted(asked - set(next(samples(settings)))):
            raise UnusableTemplate(f"it asks for {', '.join(unknown)}, which is not told")
        return environment.from_string(text)
    except OSError as error:
        raise UnusableTemplate(f"it cannot be read: {error.strerror or error}") from error
    except (TemplateError, UnicodeDecodeError) as error:
        raise UnusableTemplate(f"it is no Jinja template: {error}") from error
