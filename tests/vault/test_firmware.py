"""Firmware: only what the manufacturer signed, and only that very image."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from chargepoint.core import vault_records as vr
from tests.vault.making import MANUFACTURER, Desk, Party, issue, signature

pytestmark = [pytest.mark.section("security 4"), pytest.mark.section("security L01")]

ROOT = issue("Maker", ca=True)
IMAGE = b"an image of firmware" * 100
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.install(ROOT, MANUFACTURER)
    desk.image.write_bytes(IMAGE)
    return desk


def signer(name: str = "Signer", **changes: object) -> Party:
    return issue(name, ROOT, **{"purposes": CODE, **changes})  # type: ignore[arg-type]


def certificate(desk: Desk, pem: str) -> vr.FirmwareCertificateChecked:
    answer = desk.ask(vr.CheckFirmwareCertificate(pem=pem))
    assert isinstance(answer, vr.FirmwareCertificateChecked)
    return answer


def image(desk: Desk, by: Party, text: str) -> vr.FirmwareSignatureChecked:
    answer = desk.ask(vr.CheckFirmwareSignature(pem=by.pem, signature=text))
    assert isinstance(answer, vr.FirmwareSignatureChecked)
    return answer


def test_a_certificate_of_the_manufacturer(desk: Desk) -> None:
    assert certificate(desk, signer().pem).valid
    sub = issue("Sub", ROOT, ca=True)
    assert certificate(desk, issue("Far", sub, purposes=CODE).pem + sub.pem).valid
    assert certificate(desk, signer(purposes=()).pem).valid, "one that names no purpose may be used for any"


@pytest.mark.parametrize(
    ("party", "why"),
    [
        (issue("Stranger"), "is no installed root"),
        (signer(ends=timedelta(days=-1)), "expired"),
        (signer(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)), "not made for signing code"),
    ],
)
def test_certificates_that_may_not_sign(desk: Desk, party: Party, why: str) -> None:
    answer = certificate(desk, party.pem)
    assert not answer.valid
    assert why in answer.why


def test_a_central_system_root_signs_no_firmware(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.install(ROOT)
    assert certificate(desk, signer().pem).why == "no manufacturer root is installed"


@pytest.mark.parametrize(("name", "way"), [("Signer", ""), ("rsa signer", "pss"), ("rsa signer", "pkcs1")])
def test_the_right_signature_and_then_a_byte_changes(desk: Desk, name: str, way: str) -> None:
    by = signer(name)
    text = signature(IMAGE, by, way)
    assert image(desk, by, text) == vr.FirmwareSignatureChecked(valid=True)
    assert image(desk, by, text[:40] + "\n" + text[40:]).valid, "base64 may be broken into lines"
    desk.image.write_bytes(IMAGE[:-1] + b"!")
    answer = image(desk, by, text)
    assert not answer.valid
    assert "not that of this image" in answer.why


def test_somebody_elses_signature_and_none_at_all(desk: Desk) -> None:
    assert not image(desk, signer(), signature(IMAGE, signer("Other"))).valid
    assert not image(desk, signer(), "").valid
    assert image(desk, signer(), "§§").why == "the signature is not base64"


def test_the_certificate_is_checked_once_more_with_the_signature(desk: Desk) -> None:
    by = issue("Stranger", purposes=CODE)
    assert "no installed root" in image(desk, by, signature(IMAGE, by)).why
