"""Settings that are shown blanked and come back changed: no secret leaves, none is lost."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.settings_masks import MASK, MaskError, masked, unmasked

TEXT = """\
# The station.
[central_system]
url = "ws://anna:pa%3Ass@cs.example.org/ocpp"  # where
authorization_key = "00112233445566778899"

[readers.1]
driver = "x"
password = 'it"s'   # of the reader
inner = { token = "tttt", name = "n" }
"""


def test_every_secret_is_blanked_and_nothing_else() -> None:
    shown = masked(TEXT)
    for secret in ("00112233445566778899", "anna", "pa%3Ass", 'it"s', "tttt"):
        assert secret not in shown
    assert shown.count(MASK) == 4
    assert 'url = "ws://***@cs.example.org/ocpp"  # where' in shown
    assert 'inner = { token = "***", name = "n" }' in shown
    assert shown.splitlines()[0] == "# The station."


def test_what_comes_back_has_its_secrets_again() -> None:
    changed = masked(TEXT).replace('name = "n"', 'name = "m"')
    assert tomllib.loads(unmasked(changed, TEXT)) == tomllib.loads(TEXT.replace('name = "n"', 'name = "m"'))


def test_a_new_secret_is_taken() -> None:
    changed = masked(TEXT).replace('authorization_key = "***"', 'authorization_key = "AA"')
    assert tomllib.loads(unmasked(changed, TEXT))["central_system"]["authorization_key"] == "AA"


def test_a_blank_without_a_secret_behind_it_is_refused_by_its_name() -> None:
    with pytest.raises(MaskError, match=r"readers\.2\.password"):
        unmasked(masked(TEXT) + '\n[readers.2]\npassword = "***"\n', TEXT)


def test_a_secret_moves_to_no_other_key() -> None:
    with pytest.raises(MaskError, match=r"station\.vendor"):
        unmasked('[station]\nvendor = "***"\n', TEXT)


def test_a_commented_secret_is_blanked_as_well() -> None:
    assert "SECRETSECRET" not in masked('# authorization_key = "SECRETSECRET"\n')


@pytest.mark.parametrize(
    "text",
    [
        'authorization_key = """\nmany lines\n"""\n',
        'authorization_key = "\\\n',
        'authorization_key = "00112233"\n# the key is 00112233\n',
    ],
)
def test_what_cannot_be_blanked_for_certain_is_not_shown(text: str) -> None:
    with pytest.raises(MaskError):
        masked(text)


def test_broken_text_comes_back_as_it_is_for_the_check_to_judge() -> None:
    assert unmasked('[station\nx = "***"', TEXT) == '[station\nx = "***"'


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30))
def test_any_secret_survives_the_way_there_and_back(secret: str) -> None:
    quoted = "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}" for one in secret)
    text = f'password = "{quoted}"\n'
    assert tomllib.loads(unmasked(masked(text), text)) == {"password": secret}
