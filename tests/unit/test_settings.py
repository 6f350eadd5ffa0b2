"""Where settings come from, and what is said of a bad one."""

from pathlib import Path

import msgspec
import pytest

from cloudpulse.errors import SettingError
from cloudpulse.settings import FILE_NAME, Settings, load, networks


def write(folder: Path, text: str) -> None:
    (folder / FILE_NAME).write_text(text)


def test_defaults(tmp_path):
    assert load({"data": tmp_path}, {}) == Settings(data=tmp_path)
    assert load({}, {}).data == Path("cloudpulse-data")


def test_later_sources_win(tmp_path):
    write(tmp_path, "port = 1\nhost = 'file'\nmax_batch_events = 7\n")
    environ = {"CLOUDPULSE_PORT": "2", "CLOUDPULSE_HOST": "environ", "PATH": "/bin"}
    settings = load({"data": tmp_path, "port": 3, "host": None}, environ)
    assert (settings.port, settings.host, settings.max_batch_events) == (3, "environ", 7)


def test_the_data_folder_may_come_from_the_environment(tmp_path):
    write(tmp_path, "port = 9\n")
    settings = load({"data": None}, {"CLOUDPULSE_DATA": str(tmp_path)})
    assert (settings.data, settings.port) == (tmp_path, 9)


def test_a_list_in_the_environment_and_in_the_file(tmp_path):
    environ = {"CLOUDPULSE_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2,", "CLOUDPULSE_DATA": str(tmp_path)}
    assert load({}, environ).trusted_proxies == ("10.0.0.1", "10.0.0.2")
    write(tmp_path, "trusted_proxies = ['10.0.0.3']\n")
    assert load({"data": tmp_path}, {}).trusted_proxies == ("10.0.0.3",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "65536"),
        ("max_batch_events", "0"),
        ("reserve_bytes", "-1"),
        ("ip_addresses", "hide"),
        ("log_level", "loud"),
        ("lake_commit_seconds", "1.5"),
    ],
)
def test_a_bad_value_is_named(tmp_path, name, value):
    with pytest.raises(SettingError, match=name):
        load({"data": tmp_path}, {f"CLOUDPULSE_{name.upper()}": value})
    write(tmp_path, f"{name} = '{value}'\n")
    with pytest.raises(SettingError, match=name):
        load({"data": tmp_path}, {})


def test_an_unknown_setting_in_the_file_is_named(tmp_path):
    write(tmp_path, "prot = 8080\n")
    with pytest.raises(SettingError, match="prot"):
        load({"data": tmp_path}, {})


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    write(tmp_path, "port: 8080\n")
    with pytest.raises(SettingError, match=FILE_NAME):
        load({"data": tmp_path}, {})


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        Settings().port = 1


def test_settings_travel_to_the_processes_and_back():
    settings = Settings(data=Path("somewhere"), trusted_proxies=("10.0.0.1",))
    text = msgspec.json.encode(settings, enc_hook=str)
    assert msgspec.json.decode(text, type=Settings, dec_hook=lambda kind, value: kind(value)) == settings


@pytest.mark.parametrize("bad", ["10.0.0", "10.0.0.1/8", "proxy.example.org", "::1/129", "*"])
def test_a_bad_proxy_is_refused_at_start_and_named(bad):
    with pytest.raises(SettingError, match="trusted_proxies"):
        load({}, {"CLOUDPULSE_TRUSTED_PROXIES": f"127.0.0.1,{bad}"})


@pytest.mark.parametrize(
    "bad",
    ["app.example.org", "https://app.example.org/", "https://App.example.org", "https://u@app.example.org", "null"],
)
def test_an_origin_that_no_browser_sends_is_refused_at_start_and_named(bad):
    with pytest.raises(SettingError, match=f"cors_origins: '{bad}'"):
        load({}, {"CLOUDPULSE_CORS_ORIGINS": f"https://app.example.org,{bad}"})


def test_origins_as_browsers_send_them_are_taken():
    given = ("*", "https://app.example.org", "http://localhost:3000", "http://[::1]:3000", "capacitor://localhost")
    assert load({}, {"CLOUDPULSE_CORS_ORIGINS": ",".join(given)}).cors_origins == given


def test_proxies_are_addresses_or_networks():
    found = networks(("10.0.0.0/8", "::1", "::ffff:192.0.2.0/120"))
    assert list(map(str, found)) == ["10.0.0.0/8", "::1/128", "192.0.2.0/24"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"token_ttl_seconds": 61, "token_max_ttl_seconds": 60}, "token_ttl_seconds"),
        ({"public_url": "pulse.example.com"}, "public_url"),
        *(
            ({"public_url": url}, "public_url")
            for url in (
                "ftp://pulse.example.com",
                "https://",
                "https://pulse.example.com/path",
                "https://pulse.example.com//",
                "https://pulse.example.com?x",
                "https://pulse.example.com#x",
                "https://user@pulse.example.com",
            )
        ),
        ({"metrics_token": "x" * 15}, "metrics_token"),
        ({"oidc_audience": "pulse"}, "oidc_audience"),
        ({"oidc_issuer": "https://id.example.com"}, "oidc_audience"),
        ({"oidc_client_id": "dashboard"}, "oidc_client_id"),
        *(
            ({"oidc_issuer": issuer, "oidc_audience": "pulse"}, "oidc_issuer")
            for issuer in (
                "http://id.example.com",
                "http://127.0.0.1.example.com",
                "ftp://::1",
                "id.example",
                "https://",
            )
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused_at_start_and_named(tmp_path, given, name):
    with pytest.raises(SettingError, match=name):
        load({"data": tmp_path} | given, {})


def test_settings_that_just_fit_are_taken(tmp_path):
    given = {"public_url": "https://pulse.example.com:8443/", "metrics_token": "x" * 16}
    assert load({"data": tmp_path} | given, {}).url == "https://pulse.example.com:8443"


@pytest.mark.parametrize(
    "issuer", ["https://id.example.com/x", "http://127.0.0.2:9/x", "http://[::1]", "http://localhost:1"]
)
def test_an_issuer_is_read_over_a_secure_way(tmp_path, issuer):
    assert load({"data": tmp_path, "oidc_issuer": issuer, "oidc_audience": "pulse"}, {}).oidc_issuer == issuer
