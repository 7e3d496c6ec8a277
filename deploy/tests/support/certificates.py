"""Certificates of a test's own, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A server's certificate, its key, and the certificate of the CA that issued it."""

    file: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Authority:
    """A CA with its files in a folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str) -> Certificate:
        """Issues a certificate for a DNS name."""
        certificate, key, request = (self.folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        extensions = self.folder / f"{name}.extensions"
        extensions.write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        authority = ["-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial"]
        _openssl("x509", "-req", "-in", request, *authority, "-out", certificate, "-days", "2", "-extfile", extensions)
        return Certificate(certificate, key, self.certificate)


def authority(folder: Path) -> Authority:
    """Makes a CA in a new folder."""
    folder.mkdir()
    key, certificate = folder / "ca.key", folder / "ca.pem"
    subject = ["-subj", f"/CN=CA {folder.name}", "-days", "2"]
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject)
    return Authority(folder)


def _openssl(*words: str | Path) -> None:
    finished = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
