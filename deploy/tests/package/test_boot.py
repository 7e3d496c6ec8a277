"""The package in a Debian that systemd booted: installed, used, upgraded, removed and purged."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.aws import REGION, Endpoint, endpoint
from support.container import Container
from support.http import get, request, upload
from support.package import package, repacked
from support.pictures import hills, png
from support.processes import PATIENCE_SECONDS, until

SETTINGS = "/etc/image-handler/image-handler.env"
SITES = "/etc/nginx/sites-enabled"
SITE = "http://127.0.0.1"
"""nginx in the container."""


def install(debian: Container, file: Path | None = None) -> str:
    """Installs a package without questions, as an unattended upgrade does: what the operator changed stays."""
    return debian.run(
        "dpkg", "--force-confold", "--install", debian.put(file or package()), DEBIAN_FRONTEND="noninteractive"
    )


@contextmanager
def bucket(debian: Container, folder: Path) -> Iterator[dict[str, str]]:
    """Gives the settings for a bucket that anyone may read, on an endpoint in the container's network."""
    with debian.network(), endpoint(folder) as aws:
        yield make_bucket(aws)


def make_bucket(aws: Endpoint) -> dict[str, str]:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="pictures", CreateBucketConfiguration={"LocationConstraint": REGION})
    anyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::pictures/images/*",
    }
    s3.put_bucket_policy(Bucket="pictures", Policy=json.dumps({"Version": "2012-10-17", "Statement": [anyone]}))
    return {
        "S3_BUCKET": "pictures",
        "S3_ENDPOINT": aws.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "PUBLIC_URL": SITE,
    }


def configure(debian: Container, settings: dict[str, str]) -> None:
    """Writes settings as the operator does, behind what is there, and restarts the service."""
    with debian.path(SETTINGS).open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    debian.run("systemctl", "restart", "image-handler")
    until("nginx reaches the service", lambda: get(f"{SITE}/livez").status == 200)


def put_picture(picture: bytes) -> str:
    """Uploads through nginx and gives the path of the image."""
    answer = upload(SITE, picture)
    assert answer.status == 201, answer.body
    assert answer.json()["storage"] == {"local": "stored", "s3": "stored", "record": "stored"}
    link = answer.json()["link"]
    assert link.startswith(f"{SITE}/i/")
    return link.removeprefix(SITE)


def test_a_fresh_installation_waits_for_its_bucket_and_says_so(debian: Container) -> None:
    said = install(debian)
    assert "set S3_BUCKET in /etc/image-handler/image-handler.env" in said
    assert "browsers can upload only under the address that PUBLIC_URL says" in said
    assert "welcome page is disabled" in said
    state = debian.run("systemctl", "show", "image-handler", "--property=ActiveState,Result,NRestarts,UnitFileState")
    assert set(state.split()) == {
        "ActiveState=inactive",
        "Result=exec-condition",
        "NRestarts=0",
        "UnitFileState=enabled",
    }
    assert "not configured yet: set S3_BUCKET" in debian.log("image-handler")
    assert "0 loaded units" in debian.run("systemctl", "--failed")
    debian.run("nginx", "-t")
    for log in ["access", "error"]:
        file = f"/var/log/nginx/image-handler.{log}.log"
        assert debian.run("stat", "--format=%a %U %G", file).split() == ["640", "www-data", "adm"]
        debian.run("runuser", "-u", "nobody", "--", "cat", file, code=1)
    with debian.network():
        assert b"<html" in get(f"{SITE}/").body, "the client is there"
        away = get(f"{SITE}/api/v1/limits")
        assert away.status in (502, 503)
    for command in ["doctor", "reconcile"]:
        said = debian.run("image-handler-admin", command, code=2)
        assert "S3_BUCKET" in said


def test_the_service_serves_uploads_in_its_sandbox_behind_nginx(debian: Container, tmp_path: Path) -> None:
    install(debian)
    with bucket(debian, tmp_path) as settings:
        configure(debian, settings)
        assert debian.is_active("image-handler")
        pid = debian.run("systemctl", "show", "image-handler", "--property=MainPID", "--value").strip()
        status = dict(
            line.split(":\t", 1)
            for line in debian.path(f"/proc/{pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        assert {status[name] for name in ["CapPrm", "CapEff", "CapBnd", "CapAmb"]} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert status["Uid"].split()[0] == debian.run("id", "-u", "image-handler").strip()

        picture = png(size=200_000)
        path = put_picture(picture)
        served = get(SITE + path)
        assert served.status == 200 and served.body == picture
        handed = get(f"http://127.0.0.1:8080{path}")
        assert handed.headers["X-Accel-Redirect"].startswith("/_uploads/"), "nginx sends it from the copy"
        assert handed.body == b""
        assert get(f"{SITE}/_uploads/secret").status == 404
        object_url = get(f"{SITE}/api/v1/images/{path.split('/')[-1].split('.')[0]}").json()["url"]
        assert get(object_url).body == picture

        for size in (1_048_577, 3_000_000):
            refused = request(
                "POST",
                f"{SITE}/api/v1/images",
                form(png(size=size) + b"." * size),
                Content_Type="multipart/form-data; boundary=b",
            )
            assert refused.status == 413
            assert refused.headers["Content-Type"].startswith("application/problem+json")
            assert refused.json()["status"] == 413

        debian.run("systemctl", "restart", "image-handler")
        until("nginx reaches the service", lambda: get(f"{SITE}/livez").status == 200)
        assert get(SITE + path).body == picture
        stopped = debian.log("image-handler")
        assert "stopping when the requests in flight have ended" in stopped and "panicked" not in stopped
        assert "0 loaded units" in debian.run("systemctl", "--failed")


def test_variants_are_made_in_the_sandbox_and_sent_by_nginx(debian: Container, tmp_path: Path) -> None:
    install(debian)
    with bucket(debian, tmp_path) as settings:
        configure(debian, settings | {"RUST_LOG": "warn,image_handler=debug"})
        path = put_picture(hills(1000, 750)).rsplit(".", 1)[0] + "/thumb"
        made = get(SITE + path)
        assert made.status == 200 and made.headers["Content-Type"].startswith("image/")
        handed = get(f"http://127.0.0.1:8080{path}")
        assert handed.headers["X-Accel-Redirect"].startswith("/_uploads/variants/")
        # Read as a member of the group: what nginx may not read, it asks the service for, and says so.
        assert get(SITE + path).body == made.body
        assert "/variants/" not in debian.path("/var/log/nginx/image-handler.error.log").read_text()
        log = debian.log("image-handler")
        assert f"GET {path}" in log
        assert "keeps the priority of the process" not in log, "what makes variants steps back"


def form(file: bytes) -> bytes:
    """Makes the body of an upload, its boundary `b`."""
    name = b'--b\r\nContent-Disposition: form-data; name="uploader"\r\n\r\nAda\r\n'
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return name + head + file + b"\r\n--b--\r\n"


def test_nginx_takes_up_a_larger_limit_when_the_service_is_restarted(debian: Container, tmp_path: Path) -> None:
    install(debian)
    with bucket(debian, tmp_path) as settings:
        configure(debian, settings)
        picture = png(size=1_500_000)
        assert upload(SITE, picture).status == 413
        configure(debian, {"MAX_UPLOAD_BYTES": "2000000"})
        # The reload is not waited for by the service's start.
        until("nginx takes up the limit", lambda: upload(SITE, picture).status == 201)


def test_the_operator_runs_commands_as_the_service_with_one_word(debian: Container, tmp_path: Path) -> None:
    install(debian)
    with bucket(debian, tmp_path) as settings:
        configure(debian, settings)
        put_picture(png())
        # moto keeps no checksums, which doctor finds: 2, and nothing else is wrong.
        said = debian.run("image-handler-admin", "doctor", code=2)
        failures = [line for line in said.splitlines() if line.startswith("FAILURE")]
        assert len(failures) == 1 and "checksum was not kept" in failures[0], said
        assert "uploads: lock: a service has the folder" in said
        assert "from the environment (AWS_ACCESS_KEY_ID)" in said
        assert "public path: upload past the limit: one byte more is refused by the service" in said
        debian.run("image-handler-admin", "reconcile")
        assert "item for UPLOAD_KEYS" in debian.run("image-handler-admin", "upload-key", "phone")
        assert "systemctl restart" in debian.run("image-handler-admin", "serve", code=64)
        assert "needs root" in debian.run("runuser", "-u", "www-data", "--", "image-handler-admin", "doctor", code=77)
        owners = debian.run("find", "/var/lib/image-handler", "!", "-user", "image-handler")
        assert owners == "", "nothing is left that the service cannot write"
    beside = debian.path("/etc/image-handler/host.env")
    beside.write_text("ADMIN_KEY=as-open-as-a-script-may-leave-it\n")
    beside.chmod(0o644)
    for file in [SETTINGS, "/etc/image-handler/host.env", "/var/lib/image-handler/secret"]:
        debian.run("runuser", "-u", "www-data", "--", "cat", file, code=1)


def test_a_command_of_the_operator_ends_with_the_signal_that_it_gets(debian: Container) -> None:
    install(debian)
    with debian.network(), socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SECONDS)
        with debian.path(SETTINGS).open("a") as file:
            file.write(f"S3_BUCKET=pictures\nS3_ENDPOINT=http://127.0.0.1:{silent.getsockname()[1]}\n")
            file.write("AWS_ACCESS_KEY_ID=testing\nAWS_SECRET_ACCESS_KEY=testing\n")
        # A bucket that never answers: doctor is at it when the signal comes.
        script = "image-handler-admin doctor --offline & echo $! >/run/operator; wait $!"
        debian.run("systemd-run", "--quiet", "--unit=operator", "bash", "-c", script)
        asking, _ = silent.accept()
        with asking:
            debian.run("bash", "-c", "kill -TERM $(cat /run/operator)")
            until("the command has ended", lambda: not debian.is_active("operator"))
        # Stopped, not left to itself; systemd forgets it when it comes to it.
        mine = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "image-handler-admin-*"]
        assert " running " not in debian.run(*mine)
        until("nothing of it is left", lambda: debian.run(*mine) == "")


def test_an_upgrade_keeps_data_and_settings_and_runs_the_new_version(debian: Container, tmp_path: Path) -> None:
    install(debian)
    with bucket(debian, tmp_path) as settings:
        configure(debian, settings)
        picture = png()
        path = put_picture(picture)
        pid = debian.run("systemctl", "show", "image-handler", "--property=MainPID", "--value")
        edited = debian.path(SETTINGS).read_text()
        debian.path(f"{SITES}/image-handler").unlink()
        debian.path(f"{SITES}/operators").symlink_to("../sites-available/image-handler")
        install(debian, repacked(tmp_path, "99.0.0-1"))
        assert debian.run("dpkg-query", "--show", "--showformat=${Version}", "image-handler") == "99.0.0-1"
        assert debian.path(SETTINGS).read_text() == edited
        assert debian.path(SETTINGS).stat().st_mode & 0o777 == 0o640
        assert debian.run("ls", SITES).split() == ["operators"], "the sites are the operator's"
        assert debian.run("systemctl", "show", "image-handler", "--property=MainPID", "--value") != pid
        until("nginx reaches the service", lambda: get(f"{SITE}/livez").status == 200)
        assert get(SITE + path).body == picture


def test_removing_keeps_the_data_and_purging_leaves_nothing(debian: Container, tmp_path: Path) -> None:
    files, users = debian.files(), debian.run("getent", "passwd") + debian.run("getent", "group")
    install(debian)
    with bucket(debian, tmp_path) as settings:
        configure(debian, settings)
        picture = png()
        path = put_picture(picture)
        debian.run("dpkg", "--remove", "image-handler")
        assert not debian.is_active("image-handler")
        assert b"Welcome to nginx" in get(f"{SITE}/").body
        assert debian.path("/var/lib/image-handler/metadata.db").is_file()

        install(debian)
        until("nginx reaches the service", lambda: get(f"{SITE}/livez").status == 200)
        assert get(SITE + path).body == picture, "another installation goes on where the first one was"

        debian.run("dpkg", "--purge", "image-handler")
        assert debian.files() - files == set()
        assert files - debian.files() == set()
        assert debian.run("getent", "passwd") + debian.run("getent", "group") == users
        assert debian.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "image-handler*") == ""
        assert b"Welcome to nginx" in get(f"{SITE}/").body
        debian.run("nginx", "-t")


def test_purging_spares_a_volume_that_is_mounted_for_the_images(debian: Container) -> None:
    debian.run("mkdir", "-p", "/var/lib/image-handler")
    debian.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib/image-handler")
    install(debian)
    debian.path("/var/lib/image-handler/precious").write_text("kept")
    said = debian.run("dpkg", "--purge", "image-handler")
    assert "volume of its own" in said
    assert debian.path("/var/lib/image-handler/precious").read_text() == "kept"
    assert not debian.path("/etc/image-handler").exists()


def test_an_nginx_that_serves_something_else_is_left_as_it_is(debian: Container) -> None:
    site = debian.path("/etc/nginx/sites-available/blog")
    site.write_text('server { listen 80; server_name blog; return 200 "blog"; }')
    debian.path(f"{SITES}/blog").symlink_to("../sites-available/blog")
    said = install(debian)
    assert "serves other sites already" in said and "ln -s /etc/nginx/sites-available/image-handler" in said
    assert set(debian.run("ls", SITES).split()) == {"blog", "default"}
    debian.run("dpkg", "--purge", "image-handler")
    debian.path(f"{SITES}/blog").unlink()

    default = debian.path("/etc/nginx/sites-available/default")
    default.write_text(default.read_text() + "# The operator was here.\n")
    said = install(debian)
    assert "is not as nginx brought it" in said
    assert debian.run("ls", SITES).split() == ["default"]


def test_a_default_of_the_operator_stays_when_the_package_is_installed_again(debian: Container) -> None:
    install(debian)
    debian.run("dpkg", "--remove", "image-handler")
    assert debian.run("ls", SITES).split() == ["default"]
    default = debian.path("/etc/nginx/sites-available/default")
    came = default.read_text()
    default.write_text(came + "# The operator was here.\n")
    said = install(debian)
    assert "are not enabled again: image-handler" in said and "ln -s /etc/nginx/sites-available/image-handler" in said
    assert debian.run("ls", SITES).split() == ["default"]
    debian.run("nginx", "-t")

    # The operator chose the welcome page, as it came, over the site.
    default.write_text(came)
    debian.run("dpkg", "--purge", "image-handler")
    install(debian)
    debian.path(f"{SITES}/image-handler").unlink()
    debian.path(f"{SITES}/default").symlink_to("/etc/nginx/sites-available/default")
    debian.run("dpkg", "--remove", "image-handler")
    install(debian)
    assert debian.run("ls", SITES).split() == ["default"]


def test_an_nginx_that_is_broken_or_gone_does_not_stop_the_installation(debian: Container) -> None:
    broken = debian.path("/etc/nginx/conf.d/broken.conf")
    broken.write_text("nonsense;\n")
    said = install(debian)
    assert "nginx refuses its configuration" in said and 'unknown directive "nonsense"' in said
    assert "install ok installed" in debian.run("dpkg-query", "--show", "--showformat=${Status}", "image-handler")
    assert debian.run("ls", SITES).split() == ["default"]
    broken.unlink()
    assert debian.is_active("nginx")
    debian.run("dpkg", "--purge", "image-handler")

    debian.path("/usr/sbin/nginx").rename(debian.path("/usr/sbin/nginx.gone"))
    said = install(debian)
    assert "there is no nginx" in said and "install nginx" in said
    assert "install ok installed" in debian.run("dpkg-query", "--show", "--showformat=${Status}", "image-handler")
    debian.path("/usr/sbin/nginx.gone").rename(debian.path("/usr/sbin/nginx"))
    debian.run("dpkg-reconfigure", "image-handler", DEBIAN_FRONTEND="noninteractive")
    assert debian.run("ls", SITES).split() == ["image-handler"]
    debian.run("nginx", "-t")
    debian.run("dpkg", "--purge", "image-handler")
    assert debian.run("ls", SITES).split() == ["default"]
