"""`certificate`: from port 80 to TLS, with a stand-in for certbot, which needs the world outside."""

import socket
import ssl

import pytest

from support.container import Container
from support.http import get
from support.package import package
from support.processes import until

SITES = "/etc/nginx/sites-enabled"
DOMAIN = "images.example.org"
COMMAND = ["/usr/lib/image-handler/certificate", DOMAIN, "ada@example.org"]

CERTBOT = r"""#!/bin/bash
# Looks at the webroot through nginx, as the authority does, and signs by itself. A certificate that is there is kept.
set -euo pipefail
echo "$*" >>/root/certbot-calls
[ ! -e /root/certbot-fails ] || { echo "the authority refuses" >&2; exit 1; }
while [ $# -gt 0 ]; do
    case $1 in
    --webroot-path) webroot=$2 ;;
    --domain) domain=$2 ;;
    --dry-run) dry_run=yes ;;
    esac
    shift
done
mkdir -p "$webroot/.well-known/acme-challenge"
echo the-answer >"$webroot/.well-known/acme-challenge/question"
exec 3<>/dev/tcp/127.0.0.1/80
printf 'GET /.well-known/acme-challenge/question HTTP/1.0\r\nHost: %s\r\n\r\n' "$domain" >&3
grep -q the-answer <&3 || { echo "nginx does not show the answer" >&2; exit 1; }
rm -r "$webroot/.well-known"
[ -z "${dry_run:-}" ] || exit 0
live=/etc/letsencrypt/live/$domain
[ ! -e "$live/fullchain.pem" ] || exit 0
mkdir -p "$live"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$domain" -addext "subjectAltName=DNS:$domain" \
    -keyout "$live/privkey.pem" -out "$live/fullchain.pem" 2>/dev/null
"""


@pytest.fixture
def host(debian: Container) -> Container:
    """Gives a host with the package and the stand-in."""
    debian.run("dpkg", "--install", debian.put(package()))
    certbot = debian.path("/usr/local/bin/certbot")
    certbot.write_text(CERTBOT)
    certbot.chmod(0o755)
    return debian


def sites(host: Container) -> list[str]:
    return host.run("ls", SITES).split()


def test_a_certificate_switches_nginx_to_tls_and_a_second_run_changes_nothing(host: Container) -> None:
    said = host.run(*COMMAND)
    assert f"Set PUBLIC_URL=https://{DOMAIN}" in said and "Browsers cannot upload there yet" in said
    for _ in range(2):
        assert sites(host) == ["image-handler-tls"]
        trusted = host.path(f"/etc/letsencrypt/live/{DOMAIN}/fullchain.pem").read_text()
        with host.network():
            # A reload is over when the last worker has the new sites.
            until("port 80 leads to TLS", lambda: get("http://127.0.0.1/", Host=DOMAIN).status == 308)
            assert get("http://127.0.0.1/", Host=DOMAIN).headers["Location"] == f"https://{DOMAIN}/"
            context = ssl.create_default_context(cadata=trusted)
            with (
                socket.create_connection(("127.0.0.1", 443), timeout=60) as plain,
                context.wrap_socket(plain, server_hostname=DOMAIN) as connection,
            ):
                connection.sendall(f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode())
                assert connection.recv(12) == b"HTTP/1.1 200"
        host.run(*COMMAND, "--", "--key-type", "rsa")
        assert host.path(f"/etc/letsencrypt/live/{DOMAIN}/fullchain.pem").read_text() == trusted
    calls = host.path("/root/certbot-calls").read_text().splitlines()
    assert "--email ada@example.org" in calls[0] and "--keep-until-expiring" in calls[0]
    assert calls[1].endswith("--key-type rsa")

    hook = "/etc/letsencrypt/renewal-hooks/deploy/image-handler"
    before = host.run("systemctl", "show", "nginx", "--property=ExecReload")
    host.run(hook)
    assert host.run("systemctl", "show", "nginx", "--property=ExecReload") != before, "nginx was reloaded"
    host.run("dpkg", "--purge", "image-handler")
    host.run("test", "!", "-L", hook)
    host.run("nginx", "-t")


def test_a_certificate_that_is_refused_or_useless_leaves_everything_as_it_was(host: Container) -> None:
    host.path("/root/certbot-fails").touch()
    assert "the authority refuses" in host.run(*COMMAND, code=1)
    assert sites(host) == ["image-handler"]
    host.path("/root/certbot-fails").unlink()

    live = host.path(f"/etc/letsencrypt/live/{DOMAIN}")
    live.mkdir(parents=True)
    for part in ["fullchain", "privkey"]:
        (live / f"{part}.pem").write_text("nonsense\n")
    assert "everything is as it was" in host.run(*COMMAND, code=1)
    assert sites(host) == ["image-handler"]
    assert host.run("ls", "/etc/nginx/image-handler/tls") == ""
    host.run("nginx", "-t")


def test_a_trial_asks_the_authority_and_changes_nothing(host: Container) -> None:
    said = host.run(*COMMAND, "--", "--dry-run")
    assert "Nothing is changed" in said and "is served" not in said
    assert host.path("/root/certbot-calls").read_text().endswith("--dry-run\n")
    assert sites(host) == ["image-handler"]
    assert host.run("ls", "/etc/nginx/image-handler/tls") == ""
    host.run("test", "!", "-L", "/etc/letsencrypt/renewal-hooks/deploy/image-handler")
    # A refusal is told apart from a success in a trial too.
    host.path("/root/certbot-fails").touch()
    assert "the authority refuses" in host.run(*COMMAND, "--", "--dry-run", code=1)


def test_what_can_lead_nowhere_is_refused_before_the_authority_is_asked(host: Container) -> None:
    command = COMMAND[0]
    assert "usage:" in host.run(command, code=64)
    assert "is no name of a host" in host.run(command, "localhost", "ada@example.org", code=1)
    assert "is no address of a person" in host.run(command, DOMAIN, "ada", code=1)
    for untrusted in ["--staging", "--test-cert", "--stag"]:
        assert "no browser trusts" in host.run(*COMMAND, "--", untrusted, code=1)
    assert "needs root" in host.run("runuser", "-u", "www-data", "--", *COMMAND, code=1)
    host.path(f"{SITES}/image-handler").unlink()
    assert "no site answers the authority" in host.run(*COMMAND, code=1)
    host.path("/usr/local/bin/certbot").unlink()
    assert "apt-get install certbot" in host.run(*COMMAND, code=1)
    assert not host.path("/root/certbot-calls").exists()
