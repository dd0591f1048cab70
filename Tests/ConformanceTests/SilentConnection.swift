import Glibc
import NetCore
import TestSupport

/// A TCP connection over which one word was said and answered; nothing more is said until it is asked to go on.
struct SilentConnection {
    private let server: RunningChild
    private let client: RunningChild

    /// The client in namespace `from` asks for `address` and `port`; `listening` is the port of the server in the other one.
    init(
        _ host: PrivateHost, from namespace: String, to address: String, _ port: Int, server other: String,
        _ listening: Int
    ) throws {
        server = try host.inside(other) {
            try host.start([
                "python3", "-c",
                """
                import socket
                s = socket.create_server(("", \(listening))); s.settimeout(20); c, _ = s.accept(); c.settimeout(20)
                while True:
                    word = c.recv(100)
                    if not word: break
                    c.sendall(word)
                """,
            ])
        }
        client = try host.inside(namespace) {
            try host.start([
                "python3", "-c",
                """
                import os, socket, time
                for _ in range(100):
                    try: c = socket.create_connection(("\(address)", \(port)), 1); break
                    except OSError: time.sleep(0.05)
                c.settimeout(10); c.sendall(b"one"); print(c.recv(10), flush=True)
                for _ in range(1000):
                    if os.path.exists("/run/scratch/go"): break
                    time.sleep(0.02)
                c.sendall(b"two"); print(c.recv(10), flush=True)
                """,
            ])
        }
        for _ in 0..<200 where client.printedSoFar().isEmpty { usleep(50_000) }
        host.expect(client.printedSoFar(), is: "b'one'\n", "the first word")
    }

    /// Says the second word; gives what both were answered with: "b'one'" and "b'two'", a line each.
    func goesOn() throws -> String {
        try Files.replace("/run/scratch/go", with: [])
        let said = client.wait(seconds: 15).text
        server.kill()
        return said
    }
}
