"""What the service does with S3 in its life, carried out by the real executable and judged from the outside."""

import json
import subprocess
from pathlib import Path
from typing import Any

from role.world import BUCKET, World
from support.http import get, request, upload
from support.pictures import png
from support.processes import clean_environment
from support.service import Service, executable, service


def is_of_moto(check: dict[str, Any]) -> bool:
    """Whether `doctor` could read its object and misses the checksum, which moto keeps for some clients only."""
    return check["name"] == "get" and "checksum was not kept" in check["detail"]


def command(world: World, running: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the executable beside the service, with the service's settings."""
    environment = clean_environment(
        UPLOADS_DIR=str(running.uploads),
        LISTEN=running.url.removeprefix("http://"),
        WEB_DIR="none",
        RUST_BACKTRACE="0",
        **world.settings(),
    )
    return subprocess.run(
        [str(executable()), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def remove_object(world: World, key: str) -> None:
    """Takes away every version of an object, past the service."""
    s3 = world.operators("s3")
    listed = s3.list_object_versions(Bucket=BUCKET, Prefix=key)
    for kind in ("Versions", "DeleteMarkers"):
        for version in listed.get(kind, []):
            s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
    assert not world.versions(key)


def faults(world: World, folder: Path) -> list[str]:
    """Lives a whole life, and tells what of it does not work: nothing, if the rights suffice."""
    found = []
    with service(folder, **world.settings()) as running:
        image, other, lost = (upload(running.url, png()).json() for _ in range(3))
        found += [f"upload: {made['storage']}" for made in (image, other, lost) if made["storage"]["s3"] != "stored"]
        if found:
            return found
        key, other_key = (key_of(made) for made in (image, other))
        # Reading: a copy that is lost comes back from S3. Listing: an object that is lost comes back from the copy.
        copy_of(running, image).unlink()
        remove_object(world, other_key)
        reconciled = command(world, running, "reconcile", "--repair", "--json")
        if reconciled.returncode != 0 or not copy_of(running, image).is_file() or not world.versions(other_key):
            found.append(f"reconcile ends with {reconciled.returncode}: {reconciled.stdout}{reconciled.stderr}")
        # Deleting: nothing is left of an object, nor of the marker that hides it.
        for made in (image, lost):
            token = {"Authorization": f"Bearer {made['delete_token']}"}
            answer = request("DELETE", f"{running.url}/api/v1/images/{made['id']}", **token)
            if answer.status != 204:
                found.append(f"delete: {answer.status}")
        left = world.versions(key) + world.versions(key_of(lost))
        if left:
            found.append(f"delete leaves {left}")
        examined = doctor(world, running)
        needed = ("reachable", "put", "get", "delete", "credentials")
        judged = [check for check in examined if check["name"] in needed]
        found += [f"doctor: {check}" for check in judged if check["outcome"] != "ok" and not is_of_moto(check)]
        seen = {check["name"] for check in examined}
        assert seen >= set(needed), seen
        assert get(other["link"]).status == 200
    return found


def doctor(world: World, running: Service) -> list[dict[str, Any]]:
    """Gives what `doctor` finds, each check once."""
    told = command(world, running, "doctor", "--json").stdout
    return json.loads(told)["checks"]


def key_of(image: dict[str, Any]) -> str:
    return "images/" + image["url"].rpartition("/")[2]


def copy_of(running: Service, image: dict[str, Any]) -> Path:
    return running.uploads / "originals" / image["created_at"][:10] / image["link"].rpartition("/")[2]
