"""A door between nginx and the service that knows when nginx has been led to a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from support.http import request
from support.nginx import install, nginx, write_settings
from support.service import Service


@contextmanager
def between(folder: Path, behind: Service, once_led: Callable[[str], None]) -> Iterator[str]:
    """Runs nginx before the service `behind`, and gives its address.

    Calls `once_led` with the internal address when the service has told nginx which file to send, before nginx hears
    of it.
    """

    class Between(BaseHTTPRequestHandler):
        """Passes on what it is asked, and what it is answered."""

        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            answer = request("GET", behind.url + self.path, **headers)
            if address := answer.headers.get("X-Accel-Redirect"):
                once_led(address)
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

    installation = install(folder / "nginx")
    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as door:
        Thread(target=door.serve_forever).start()
        settings = {"LISTEN": f"127.0.0.1:{door.server_port}", "UPLOADS_DIR": str(behind.uploads)}
        write_settings(installation, ACCEL_PREFIX="/_uploads/", **settings)
        try:
            with nginx(installation):
                yield f"http://127.0.0.1:{installation.port}"
        finally:
            door.shutdown()
