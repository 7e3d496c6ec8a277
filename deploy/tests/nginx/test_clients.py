"""A client is counted by its real address, whatever it says of itself, and floods end at nginx."""

from pathlib import Path

from support.http import get, upload
from support.nginx import proxied
from support.pictures import png

ONE, OTHER = "127.0.0.5", "127.0.0.6"
"""Two clients: the whole network leads to this host. The service trusts nginx's address alone."""

ONLY_NGINX = "127.0.0.1"


def test_the_service_says_first_that_a_client_has_had_enough(tmp_path: Path) -> None:
    with proxied(tmp_path, READ_RATE="5/hour", TRUSTED_PROXIES=ONLY_NGINX) as site:
        url = f"{site.url}/api/v1/limits"
        assert [get(url, source=ONE).status for _ in range(6)] == [200] * 5 + [429]
        refused = get(url, source=ONE)
        assert refused.json()["code"] == "rate-limited"
        assert "RateLimit" in refused.headers, "as only the service says it"
        assert int(refused.headers["Retry-After"]) > 5
        assert get(url, source=OTHER).status == 200
        # Static files cost the service nothing.
        assert get(f"{site.url}/main.js", source=ONE).status == 200


def test_what_a_client_writes_into_x_forwarded_for_gains_nothing(tmp_path: Path) -> None:
    with proxied(tmp_path, READ_RATE="5/hour", UPLOAD_RATE="3/hour", TRUSTED_PROXIES=ONLY_NGINX) as site:
        url = f"{site.url}/api/v1/limits"
        lies = ["198.51.100.1", "198.51.100.2, 127.0.0.1", "127.0.0.1", "::1", "nonsense", OTHER, ""]
        statuses = [get(url, source=ONE, X_Forwarded_For=lie).status for lie in lies]
        assert statuses == [200] * 5 + [429] * 2
        assert get(url, source=OTHER).status == 200, "nobody else paid for it"
        statuses = [upload(site.url, png(), source=ONE, X_Forwarded_For=lie).status for lie in lies[:4]]
        assert statuses == [201] * 3 + [429]


def test_floods_end_at_nginx_with_problem_details(tmp_path: Path) -> None:
    few = {"READ_RATE": "1/hour", "UPLOAD_RATE": "1/hour"}
    with proxied(tmp_path, for_nginx=few, READ_RATE="off", UPLOAD_RATE="off") as site:
        # Four at once, and four more each second: twice what the service was said to take.
        answers = [get(f"{site.url}/api/v1/limits", source=ONE, X_Forwarded_For=f"198.51.100.{n}") for n in range(200)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert all(answer.status == 200 for answer in answers[:5])
        for answer in refused:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["Retry-After"] == "5"
            assert answer.json()["code"] == "rate-limited"
            assert "RateLimit" not in answer.headers, "the service never saw it"
        assert get(f"{site.url}/api/v1/limits", source=OTHER).status == 200
        assert "flood" not in (site.installation.folder / "log/image-handler.error.log").read_text()


def test_behind_a_load_balancer_its_word_counts_and_nobody_elses(tmp_path: Path) -> None:
    balancer = "127.0.0.9"
    real_ip = f"set_real_ip_from {balancer};\nreal_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n"
    settings = {"READ_RATE": "3/hour", "TRUSTED_PROXIES": ONLY_NGINX}
    with proxied(tmp_path, real_ip=real_ip, **settings) as site:

        def ask(source: str, forwarded: str) -> int:
            return get(f"{site.url}/api/v1/limits", source=source, X_Forwarded_For=forwarded).status

        # The balancer appends whom it sees to what that client wrote.
        lies = [ask(balancer, f"198.51.100.{n}, 203.0.113.7") for n in range(4)]
        assert lies == [200] * 3 + [429]
        assert ask(balancer, "203.0.113.8") == 200
        # Past the balancer, the same header is worth nothing.
        assert [ask(ONE, f"203.0.113.{n}") for n in range(20, 24)] == [200] * 3 + [429]
        # The /64 of one subscriber is one client, to the service and to nginx.
        assert [ask(balancer, f"2001:db8:1:2::{n}") for n in range(1, 5)] == [200] * 3 + [429]
        assert ask(balancer, "2001:db8:1:3::1") == 200
        text = site.installation.access_log.read_text()
        assert "203.0.113.7 [" in text


def test_nginx_counts_a_network_of_ipv6_as_one_client(tmp_path: Path) -> None:
    real_ip = f"set_real_ip_from {ONE};\nreal_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n"
    few = {"READ_RATE": "1/hour", "UPLOAD_RATE": "1/hour"}
    with proxied(tmp_path, real_ip=real_ip, for_nginx=few, READ_RATE="off", UPLOAD_RATE="off") as site:
        for network in ("2001:db8:1:2", "2001:db8:a0a:a0a"):  # The second has bytes that are line ends.
            addresses = [f"{network}::{n:x}" for n in range(1, 200)]
            answers = [get(f"{site.url}/livez", source=ONE, X_Forwarded_For=each).status for each in addresses]
            assert answers[0] == 200, "another network is another client"
            assert 429 in answers
        apart = [get(f"{site.url}/livez", source=ONE, X_Forwarded_For=f"2001:db8:5:{n:x}::1").status for n in range(50)]
        assert apart == [200] * 50
