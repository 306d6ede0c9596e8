"""An archive that speaks DICOMweb: QIDO-RS and WADO-RS (PS3.18), with certificates, a password or a token."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import requests
from dicomweb_client import DICOMwebClient
from pydicom.datadict import tag_for_keyword
from requests.adapters import HTTPAdapter

from deploy.cohort.archives import MODALITIES, Busy, QueryFailed, Unanswered, is_uid, store
from deploy.errors import Unreachable
from listener.dicom.uids import InvalidUid
from listener.settings import ClientTls
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import client_context
from model_store.cohort.pacs_source import PacsSource
from workers.targets.http_client import BUSY, one_line

TIMEOUT_SECONDS = (30.0, 300.0)
"""For the connection, and for the next bytes of an answer: an archive on tape takes its time."""
CHECK = "check extract.pacs in the configuration"
AS_STORED = (("application/dicom", "*"),)
"""In the transfer syntax that the archive has: no image is compressed or decompressed on the way."""
STUDY_UID, SERIES_UID, MODALITY, INSTANCES = "0020000D", "0020000E", "00080060", "00201209"


class DicomwebArchive:
    """One HTTP session for each thread."""

    def __init__(self, source: PacsSource) -> None:
        self._source = source
        self._own = threading.local()
        self._instances: dict[str, int] = {}
        self._stopped = threading.Event()

    def studies(self, keyword: str, value: str) -> list[str]:
        """Return the studies that have this value (`Archive.studies`)."""
        filters = {keyword: value, "includefield": keyword}
        found = self._ask(lambda client: client.search_for_studies(search_filters=filters))
        tag = f"{tag_for_keyword(keyword):08X}"
        # A server may ignore a filter that it does not know, and list all that it has.
        matching = [one for one in found if _first(one, tag) == value]
        return sorted({uid for one in matching if is_uid(uid := _first(one, STUDY_UID))})

    def series(self, study: str) -> list[str]:
        """Return the series of a study that are asked for (`Archive.series`)."""
        fields = ["Modality", "NumberOfSeriesRelatedInstances"]
        found = self._ask(lambda client: client.search_for_series(study, fields=fields))
        wanted = [one for one in found if _first(one, MODALITY) in MODALITIES and is_uid(_first(one, SERIES_UID))]
        numbers = {_first(one, SERIES_UID): _first(one, INSTANCES) for one in wanted}
        self._instances.update((uid, int(number)) for uid, number in numbers.items() if number.isdecimal())
        return [_first(one, SERIES_UID) for one in wanted]

    def fetch(self, study: str, series: str, folder: Path) -> bool:
        """Fetch a series (`Archive.fetch`)."""
        uids = set()
        try:
            with self._answers():
                for dataset in self._client().iter_series(study, series, media_types=AS_STORED):
                    if self._stopped.is_set():
                        return False
                    content = BytesIO()
                    dataset.save_as(content, enforce_file_format=True)
                    store(folder, study, str(dataset.SOPInstanceUID), content.getvalue())
                    uids.add(dataset.SOPInstanceUID)
        except (QueryFailed, InvalidUid, AttributeError, ValueError):
            return False
        return bool(uids) and len(uids) >= self._instances.get(series, 0)

    def stop(self) -> None:
        """End with the object that is being received."""
        self._stopped.set()

    def _ask(self, question: Callable[[DICOMwebClient], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        with self._answers():
            return question(self._client())

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Sort what goes wrong into what to ask again, what concerns one study, and what ends the retrieval."""
        name = self._source.name
        try:
            yield
        except requests.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            if status in BUSY:
                raise Busy(f"is busy (HTTP {status})") from error
            if status in (401, 403):
                advice = f"{CHECK}: user and password_file, token_file, or the certificate in tls"
                raise Unreachable(f"{name} refuses our credentials (HTTP {status})", advice) from error
            raise QueryFailed from error
        except requests.TooManyRedirects as error:
            advice = "set extract.pacs.url to the final address"
            raise Unreachable(f"{name} redirects to another address", advice) from error
        except requests.exceptions.SSLError as error:
            raise Unreachable(f"{name}: no TLS connection is possible", f"{CHECK}: tls.ca and url") from error
        except requests.RequestException as error:
            raise Unanswered(f"does not answer ({type(error).__name__})") from error

    def _client(self) -> DICOMwebClient:
        if not hasattr(self._own, "client"):
            self._own.client = _client_of(self._source)
        client: DICOMwebClient = self._own.client
        return client


class _OwnContext(HTTPAdapter):
    """Connections with our certificate and trust in the authorities of the settings; else with the system's trust."""

    def __init__(self, tls: ClientTls | None) -> None:
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        tls = self._tls
        more["ssl_context"] = client_context(tls) if tls else ssl.create_default_context()
        more["assert_hostname"] = None if tls is None or tls.check_hostname else False
        super().init_poolmanager(*args, **more)


def _client_of(source: PacsSource) -> DICOMwebClient:
    """Return a client that takes no proxy and no credentials from its surroundings, and follows no redirect."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    try:
        if source.tls is not None:
            session.verify = str(source.tls.ca)
        session.mount("https://", _OwnContext(ClientTls(**vars(source.tls)) if source.tls else None))
        if source.token_file is not None:
            session.headers["Authorization"] = f"Bearer {one_line(source.token_file)}"
        elif source.password_file is not None:
            session.auth = (source.user, one_line(source.password_file))
    except CredentialFileError as error:
        raise Unreachable(f"extract.pacs: {error}", CHECK) from error
    client = DICOMwebClient(source.url.rstrip("/"), session=session, timeout=TIMEOUT_SECONDS)
    client.set_http_retry_params(retry=False)
    return client


def _first(found: dict[str, Any], tag: str) -> str:
    """Return the first value of an attribute in the DICOM JSON model, as text; empty where it is absent or null."""
    values = (found.get(tag) or {}).get("Value") or [None]
    return "" if values[0] is None else str(values[0])
