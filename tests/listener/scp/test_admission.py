"""Limits on connections and associations."""

from dataclasses import replace
from pathlib import Path

import pytest

from listener.scp.admission import Admission, AssociationRejection, check_caller
from listener.scp.allow_list import AllowList, Caller, parse_address, plain_fingerprint
from listener.settings import AllowedPeer, ListenerSettings
from listener.tls.certificates import fingerprint
from support.certificates import Authority


def test_associations_are_limited_in_total_and_for_each_peer() -> None:
    """The third association of a peer is refused when two are allowed; another peer still gets its place."""
    admission = Admission(max_associations=3, max_associations_per_peer=2, max_pending=64, max_pending_per_peer=32)
    with admission.association("a"), admission.association("a"):
        with admission.association("a") as refused:
            assert refused is AssociationRejection.TOO_MANY_OF_PEER
        with admission.association("b") as accepted:
            assert accepted is None
            with admission.association("c") as refused:
                assert refused is AssociationRejection.TOO_MANY_ASSOCIATIONS
    assert admission.open_associations == 0


def test_a_place_is_free_again_after_an_error() -> None:
    """However an association ends, its place is given back; a refused one gives back nothing that it did not hold."""
    admission = Admission(max_associations=1, max_associations_per_peer=1, max_pending=64, max_pending_per_peer=32)
    for _ in range(3):
        with pytest.raises(RuntimeError), admission.association("a"):
            raise RuntimeError
    with admission.association("a") as accepted:
        assert accepted is None


def test_connections_that_have_not_associated_are_capped() -> None:
    """One silent peer cannot take all the places of those that are about to associate, and all together have an end."""
    admission = Admission(16, 8, 64, 32)
    assert [admission.admit_connection("a") for _ in range(32 + 1)][-2:] == [True, False]
    assert [admission.admit_connection(f"peer-{i}") for i in range(64)].count(True) == (64 - 32)
    admission.connection_done("a")
    assert admission.admit_connection("z")


@pytest.mark.parametrize(
    ("calling", "called", "expected"),
    [
        ("PACS", "RADTME", None),
        ("OTHER", "RADTME", AssociationRejection.CALLING_AE_TITLE),
        ("PACS", "WRONG", AssociationRejection.CALLED_AE_TITLE),
    ],
)
def test_ae_titles_are_checked_where_the_settings_ask_for_it(
    tmp_path: Path, calling: str, called: str, expected: AssociationRejection | None
) -> None:
    """Unknown calling and wrong called AE titles are rejected only if the settings ask for it."""
    open_to_all = ListenerSettings(spool=tmp_path)
    strict = replace(open_to_all, require_called_ae_title=True)
    caller = Caller(calling, "192.0.2.1")
    assert check_caller(strict, AllowList(["PACS"]), caller, called) is expected
    assert check_caller(open_to_all, AllowList(), caller, called) is None


def test_beyond_loopback_a_peer_has_to_know_our_name(tmp_path: Path) -> None:
    """A peer on the network has to use our AE title, unless the configuration allows any."""
    settings = ListenerSettings(spool=tmp_path)
    assert not settings.needs_called_ae_title
    assert not replace(settings, host="::1").needs_called_ae_title
    assert replace(settings, host="192.0.2.1").needs_called_ae_title
    assert not replace(settings, host="192.0.2.1", require_called_ae_title=False).needs_called_ae_title


@pytest.mark.parametrize(
    ("title", "address", "expected"),
    [
        ("MRI1", "192.0.2.7", None),
        ("MRI1", "::ffff:192.0.2.7", None),
        ("MRI1", "198.51.100.7", "address"),
        ("MRI1", "203.0.113.5", None),
        ("PACS", "192.0.2.7", "address"),
        ("PACS", "fe80::1%eth0", None),
        ("ANYWHERE", "2001:db8::1", None),
        ("mri1", "192.0.2.7", "title"),
        ("", "192.0.2.7", "title"),
    ],
)
def test_a_title_is_worth_something_only_from_its_own_addresses(title: str, address: str, expected: str | None) -> None:
    """A known AE title from a foreign address is refused; a title may have several entries, or no address at all."""
    peers = (
        AllowedPeer("MRI1", ("192.0.2.0/24",)),
        AllowedPeer("MRI1", ("203.0.113.5",)),
        AllowedPeer("PACS", ("fe80::/64", "10.0.0.1")),
    )
    assert AllowList(["ANYWHERE"], peers).refusal(Caller(title, address)) == expected


def test_an_address_that_nobody_has_needs_no_association() -> None:
    """Where every entry has addresses, connections from others are closed; one entry without addresses admits all."""
    closed = AllowList((), [AllowedPeer("MRI1", ("192.0.2.0/24",))])
    assert closed.knows_address("192.0.2.255")
    assert not closed.knows_address("192.0.3.0")
    assert AllowList(["PACS"], [AllowedPeer("MRI1", ("192.0.2.0/24",))]).knows_address("192.0.3.0")
    assert AllowList().knows_address("192.0.3.0")
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"


def test_a_title_can_be_tied_to_a_certificate(tmp_path: Path) -> None:
    """An AE title is rejected without its certificate: by fingerprint, by subject, or both."""
    authority = Authority(tmp_path)
    mri, other = authority.issue("mri1"), authority.issue("other")
    digits = fingerprint(mri.der).upper()
    colons = ":".join(digits[i : i + 2] for i in range(0, 64, 2))
    by_print = AllowList((), [AllowedPeer("MRI1", certificate_fingerprint=colons)])
    by_subject = AllowList((), [AllowedPeer("MRI1", certificate_subject="CN=mri1")])
    for allowed in (by_print, by_subject):
        assert allowed.refusal(Caller("MRI1", "192.0.2.1", mri.der)) is None
        assert allowed.refusal(Caller("MRI1", "192.0.2.1", other.der)) == "certificate"
        assert allowed.refusal(Caller("MRI1", "192.0.2.1", None)) == "certificate"
    assert plain_fingerprint(colons) == digits.lower()
    with pytest.raises(ValueError, match="SHA-256"):
        plain_fingerprint("AA:BB")
