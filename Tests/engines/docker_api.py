"""Docker's API over the daemon's socket, without a process an operation: one connection a thread, kept as long as it lasts."""

import http.client
import json
import socket


class Lost(Exception):
    """The daemon went away: whether it did what was asked is not known."""


class Silent(Exception):
    """The daemon is there and does not answer."""


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("berth", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class API:
    """Used by one thread."""

    def __init__(self, path, timeout=60):
        self.path, self.timeout, self.connection = path, timeout, None

    def raw(self, method, target, body=None, kind="application/json"):
        """Status and bytes. Throws Lost and Silent; the next call connects again."""
        headers = {"Content-Type": kind} if body is not None else {}
        try:
            if self.connection is None:
                self.connection = Connection(self.path, self.timeout)
            self.connection.request(method, target, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, text
        except (ConnectionError, FileNotFoundError, http.client.HTTPException) as error:
            self.close()
            raise Lost(f"{method} {target}: {error!r}") from None
        except TimeoutError:
            self.close()
            raise Silent(f"{method} {target}: no answer in {self.timeout} s") from None
        except OSError as error:
            self.close()
            raise Lost(f"{method} {target}: {error!r}") from None

    def ask(self, method, target, body=None):
        """Status, and the answer as JSON (None where there is none)."""
        status, text = self.raw(method, target, None if body is None else json.dumps(body))
        try:
            return status, json.loads(text) if text.strip() else None
        except ValueError:
            # A whole head and half a body: the daemon went in the middle of it.
            if status == 200:
                raise Lost(f"{method} {target}: {text[-80:]!r}") from None
            return status, text.decode(errors="replace")

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def frames(data):
    """Standard output and error of a stream without a terminal."""
    out = {1: b"", 2: b""}
    while len(data) >= 8:
        size = int.from_bytes(data[4:8], "big")
        out[data[0]] = out.get(data[0], b"") + data[8:8 + size]
        data = data[8 + size:]
    return out[1], out[2]
