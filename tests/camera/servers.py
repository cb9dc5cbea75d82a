"""Cameras' servers on loopback: MJPEG and snapshots by http.server, RTSP with JPEG over RTP."""

import base64
import hashlib
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

SIZE = (96, 64)


def jpeg(level: int, noise: int = 12) -> bytes:
    rng = np.random.default_rng(level)
    picture = np.full((SIZE[1], SIZE[0], 3), level, np.int16)
    picture += rng.integers(-noise, noise + 1, picture.shape, np.int16)
    return bytes(cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8))[1])


class HttpCamera:
    """An HTTP camera that sends what it is told to.

    `/stream`, `/bare` (no lengths), `/picture`, `/unnamed` (no word on what it is).
    """

    def __init__(self, port: int = 0) -> None:
        self.content = jpeg(40)
        self.rate = 50.0
        self.stalls = False
        self.password = ""
        self.challenge = 'Basic realm="camera"'
        self.asked = self.tried = self.failures = 0
        """Questions, those with a wrong password, and how many known ones are to fail yet."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def do_GET(self):
                camera.asked += 1
                if camera.password and not camera.knows(self.headers.get("Authorization", "")):
                    camera.tried += "Authorization" in self.headers
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", camera.challenge)
                    self.end_headers()
                elif camera.failures:
                    camera.failures -= 1
                    self.send_error(503)
                elif self.path.startswith(("/picture", "/unnamed")):
                    self.answer("" if self.path.startswith("/unnamed") else "image/jpeg")
                    self.wfile.write(camera.content)
                elif self.path == "/words":
                    self.answer("text/html")
                    self.wfile.write(b"<h1>log in</h1>")
                else:
                    self.answer("multipart/x-mixed-replace; boundary=frame")
                    self.stream(named=self.path == "/stream")

            def answer(self, kind):
                self.send_response(200)
                if kind:
                    self.send_header("Content-Type", kind)
                self.end_headers()

            def stream(self, *, named):
                while not camera.ended.is_set():
                    if not camera.stalls:
                        content = camera.content
                        length = f"Content-Length: {len(content)}\r\n" if named else ""
                        head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
                        try:
                            self.wfile.write(head.encode() + content + b"\r\n")
                        except OSError:
                            return
                    camera.ended.wait(1 / camera.rate)

        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def knows(self, authorization: str) -> bool:
        """Check the name `guard` and the password, as it was asked for."""
        if self.challenge.startswith("Basic"):
            wanted = base64.b64encode(f"guard:{self.password}".encode()).decode()
            return authorization == f"Basic {wanted}"
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', authorization))
        if not {"uri", "nc", "cnonce", "response"} <= said.keys():
            return False
        digest = hashlib.sha256 if "SHA-256" in self.challenge else hashlib.md5

        def of(*parts: str) -> str:
            return digest(":".join(parts).encode()).hexdigest()

        own, asked = of("guard", "camera", self.password), of("GET", said["uri"])
        return said["response"] == of(own, "n", said["nc"], said["cnonce"], "auth", asked)

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


def _segments(content: bytes) -> tuple[bytes, bytes]:
    """Cut a baseline JPEG into its quantisation tables and its scan (RFC 2435 sends no more)."""
    at, tables = 2, b""
    while True:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        body = content[at + 4 : at + 2 + length]
        if marker == 0xDB:
            while body:
                tables, body = tables + body[1:65], body[65:]
        at += 2 + length
        if marker == 0xDA:
            return tables, content[at:-2]


class RtspCamera:
    """An RTSP server with one stream of JPEGs (RFC 2326, 2435), interleaved in its connection."""

    def __init__(self) -> None:
        self.content = jpeg(40)
        self.ended = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.talk: socket.socket | None = None
        self.requests: list[str] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.ended.set()
        self.hang_up()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)

    def hang_up(self) -> None:
        if self.talk is not None:
            self.talk.close()

    def _serve(self) -> None:
        while not self.ended.is_set():
            try:
                self.talk, _ = self.listener.accept()
                with self.talk:  # A camera may hang up, and call again.
                    self._converse(self.talk)
            except OSError:
                continue

    def _converse(self, talk: socket.socket) -> None:
        said, playing, sequence, stamp = b"", False, 0, 0
        talk.settimeout(0.04)
        while not self.ended.is_set():
            try:
                chunk = talk.recv(4096)
                if not chunk:
                    return
                said += chunk
            except TimeoutError:
                pass
            while b"\r\n\r\n" in said:
                request, _, said = said.partition(b"\r\n\r\n")
                playing |= self._answer(talk, request.decode("latin-1"))
            if playing:
                stamp += 3600
                for packet in self._packets(sequence, stamp):
                    talk.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
                    sequence += 1
                time.sleep(0.02)

    def _answer(self, talk: socket.socket, request: str) -> bool:
        lines = request.split("\r\n")
        method = lines[0].split(" ")[0]
        self.requests.append(lines[0])
        number = next(line for line in lines if line.lower().startswith("cseq"))
        head = [number]
        body = ""
        if method == "OPTIONS":
            head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=gate\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
            body += "a=control:track1\r\n"
            head += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            head += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
        else:
            head.append("Session: 1")
        talk.sendall(("RTSP/1.0 200 OK\r\n" + "\r\n".join(head) + "\r\n\r\n" + body).encode())
        return method == "PLAY"

    def _packets(self, sequence: int, stamp: int):
        tables, scan = _segments(self.content)
        at = 0
        while at < len(scan):
            part = scan[at : at + 1200]
            last = at + len(part) >= len(scan)
            header = struct.pack(">BBHII", 0x80, 26 | (0x80 if last else 0), sequence, stamp, 7)
            header += (
                bytes([0]) + at.to_bytes(3, "big") + bytes([1, 255, SIZE[0] // 8, SIZE[1] // 8])
            )
            if at == 0:
                header += struct.pack(">BBH", 0, 0, len(tables)) + tables
            yield header + part
            at, sequence = at + len(part), sequence + 1
