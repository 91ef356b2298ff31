"""Set-up, Support: what is shown is what is downloaded, and nothing of it stays."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from chargepoint.panel import support
from chargepoint.panel.support import PLACE
from tests.panel.house import CARD, House
from tests.settings.documents import toml, valid

KEY = "5EC2E75EC2E75EC2"


@pytest.fixture
def desk(installer: House, tmp_path: Path) -> House:
    """A station whose file holds a key, and whose log and ledger tell more than they should."""
    document = valid()
    document["central_system"]["authorization_key"] = KEY
    document["station"]["control_socket"] = installer.station.path
    (tmp_path / "station.toml").write_text(toml(document))
    installer.panel.config = str(tmp_path / "station.toml")
    installer.station.answers |= {
        "health": {"parts": [{"part": "meter", "number": 1, "open": True, "trouble": ""}]},
        "get_settings": {"keys": []},
        "log": {"lines": [f"2026-11-22T12:00:00.000Z INFO    it dials with {KEY}, <b>loudly</b>"]},
        "ledger": {"sessions": [{"key": 1, "id_tag": CARD, "started": None}]},
        "dead_letters": {"dead_letters": []},
        "security_log": {"events": []},
    }
    return installer


async def test_the_list_the_files_and_the_archive_are_the_same_and_not_kept_for_long(
    desk: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await desk.get(PLACE)
    assert "first it is shown what goes in" in first.text
    assert "archive.tar.gz" not in first.text
    assert (await desk.post(PLACE, {})).headers["location"] == PLACE
    listed = (await desk.get(PLACE)).text
    assert "sessions, card numbers blanked" in listed
    assert "Download the archive (" in listed
    answer = await desk.get(f"{PLACE}/archive.tar.gz")
    assert 'filename="support-CK_XXX_0001-' in answer.headers["content-disposition"]
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        found = {
            member.name.rpartition("/")[2]: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive.getmembers()
        }
    assert json.loads(found["doctor.json"])["verdict"]
    for one in json.loads(found["manifest.json"])["members"]:
        shown = await desk.get(f"{PLACE}/{one['name']}")
        assert shown.headers["content-type"].startswith("text/plain")
        assert shown.text == found[one["name"]]
        assert f'href="{PLACE}/{one["name"]}"' in listed
    assert "it dials with ***, <b>loudly</b>" in found["log.txt"]
    assert not any(secret in text for text in (*found.values(), listed) for secret in (KEY, CARD))
    assert (await desk.get(f"{PLACE}/passwd")).status == 404
    monkeypatch.setattr(support, "HOLD_S", 0.0)
    assert (await desk.get(f"{PLACE}/log.txt")).status == 404
    assert (await desk.get(f"{PLACE}/archive.tar.gz")).status == 404
    assert "archive.tar.gz" not in (await desk.get(PLACE)).text


async def test_what_cannot_be_made_is_said(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "MAKE_S", 0.01)
    answer = await desk.post(PLACE, {})
    assert answer.status == 502
    assert "On the station itself: chargepoint support" in answer.text
    assert "archive.tar.gz" not in (await desk.get(PLACE)).text
    assert (await desk.get(f"{PLACE}/archive.tar.gz")).status == 404


async def test_only_the_installer_gets_it(here: House) -> None:
    await here.log_in(here.access.reset("viewer"))
    for path in (PLACE, f"{PLACE}/archive.tar.gz", f"{PLACE}/log.txt"):
        assert (await here.get(path)).status == 403
    assert (await here.post(PLACE, {})).status == 403
