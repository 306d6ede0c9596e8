"""The body of a webhook request: all fields as JSON, or the output of the site's own template."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from listener.spool.record_file import as_json
from workers.errors import Reason
from workers.notifications.event import CaseEvent
from workers.settings import CaseOutcome, WebhookSettings

if TYPE_CHECKING:
    from jinja2 import Template

MAX_BODY_BYTES = 64 * 1024


class UnusableTemplate(ValueError):
    """A template cannot be read, or its output is not JSON; the message says why."""


class WebhookBody:
    """Renders bodies. The template is read once."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Raise `UnusableTemplate` if its output for some outcome is not JSON."""
        self._template = None if settings.template is None else _read(settings)
        for sample in samples(settings):
            self.of(sample)

    def of(self, event: CaseEvent) -> bytes:
        """Return the body for an event.

        Raises
        ------
        UnusableTemplate
            If the output of the template is not JSON.
        """
        told = as_json(event)
        if self._template is None:
            return json.dumps(told, sort_keys=True).encode()
        from jinja2 import TemplateError

        try:
            body = self._template.render(told).encode()
            json.loads(body)
        except TemplateError as error:
            raise UnusableTemplate(f"it fails for outcome {event.outcome}: {error}") from error
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise UnusableTemplate(f"for outcome {event.outcome} it makes no JSON: {error}") from error
        if len(body) > MAX_BODY_BYTES:
            raise UnusableTemplate(f"it makes {len(body)} bytes, more than {MAX_BODY_BYTES}")
        return body


def samples(settings: WebhookSettings) -> Iterator[CaseEvent]:
    """Yield an event of each outcome, with and without its optional fields: a template must handle all of them."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for outcome in CaseOutcome:
        full = CaseEvent(
            event_id="0" * 32,
            outcome=outcome,
            reason=Reason.TIME_LIMIT,
            at=at,
            job_id="0123456789abcdef-v1",
            version=1,
            replaces="0123456789abcdef-v1",
            signature_id="signature",
            signature_version="1.0.0",
            is_certain=True,
            created=at,
            readied=at,
            finished=at,
            self_test=False,
            study_uid="1.2.3" if settings.include_uids else None,
            seg_sop_instance_uid="1.2.3.4" if settings.include_uids else None,
        )
        yield full
        yield replace(
            full,
            reason=None,
            replaces=None,
            signature_id=None,
            signature_version=None,
            is_certain=None,
            finished=None,
            self_test=True,
        )


def _read(settings: WebhookSettings) -> "Template":
    from jinja2 import StrictUndefined, TemplateError  # only where there is a template: it takes a while to import
    from jinja2.meta import find_undeclared_variables
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Sandboxed: a template must not be a way to run its author's code as our user.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    assert settings.template is not None  # noqa: S101 - the caller looked
    try:
        text = settings.template.read_text(encoding="utf-8")
        asked = find_undeclared_variables(environment.parse(text))
        if not_told := sorted(asked - as_json(next(samples(settings))).keys()):
            raise UnusableTemplate(f"it uses {', '.join(not_told)}, which is not a field of an event")
        return environment.from_string(text)
    except OSError as error:
        raise UnusableTemplate(f"it cannot be read: {error.strerror or error}") from error
    except (TemplateError, UnicodeDecodeError) as error:
        raise UnusableTemplate(f"it is no Jinja template: {error}") from error
